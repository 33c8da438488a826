"""A PNG that is drawn in a process of its own: vl-convert holds the GIL for up to a second, in which a bot would stand
still."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from slashspan.insights.charts import picture
from slashspan.insights.charts.drawing import Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS: Final = 30.0
"""After which the process is killed."""
_START: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from slashspan.insights.charts.render import main; sys.exit(main())"
)
"""What this process can import, the other one can, too; without its variables (-I) nothing instruments it."""
_log = logging.getLogger(__name__)


def can_render() -> bool:
    """Whether vl-convert is installed, and there is a Python to run it: a frozen program would be started again."""
    return bool(sys.executable) and not getattr(sys, "frozen", False) and find_spec("vl_convert") is not None


async def png_in_process(drawing: Drawing, *, seconds: float = SECONDS, program: Sequence[str] = ()) -> bytes | None:
    """The picture, or None if there is nothing to draw, or it failed, which is logged. The event loop does not wait.

    `program`: another command that reads and writes the same.
    """
    if drawing.spec is None or not (program or can_render()):
        return None
    command = program or (sys.executable, "-I", "-c", _START, *sys.path)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except (OSError, NotImplementedError) as error:
        _log.warning("no chart: the process that draws it cannot be started: %s", error)
        return None
    try:
        sent = json.dumps([drawing.sentence, drawing.spec, drawing.height]).encode()
        drawn, said = await asyncio.wait_for(process.communicate(sent), seconds)
    except asyncio.TimeoutError:
        _log.warning("no chart: drawing it took more than %g s", seconds)
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode == 0:
        return drawn
    reason = said.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"exit status {process.returncode}"
    _log.warning("no chart: %s", reason)
    return None


def main() -> int:
    """In the other process: a drawing as JSON from stdin, the PNG to stdout."""
    sentence, spec, height = json.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(picture.png(Drawing(sentence, spec, height)))
    return 0
