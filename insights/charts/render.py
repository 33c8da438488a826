"""A PNG that is drawn in a process of its own: vl-convert holds the GIL for up to a second, in which a bot would stand
still."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
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
    command = tuple(program) or (sys.executable, "-I", "-c", _START, *sys.path)
    sent = json.dumps([drawing.sentence, drawing.spec, drawing.height]).encode()
    process = _Process(command, sent, seconds)
    try:
        return await asyncio.to_thread(process.run)
    except asyncio.CancelledError:
        process.give_up()
        raise


class _Process:
    """In a thread, because asyncio's own may never return if it is cancelled while the pipes are being connected, and
    not every event loop has them."""

    def __init__(self, command: tuple[str, ...], sent: bytes, seconds: float) -> None:
        self._command, self._sent, self._seconds = command, sent, seconds
        self._started: subprocess.Popen[bytes] | None = None
        self._given_up = False

    def run(self) -> bytes | None:
        """The output, or None, with the reason in the log. Returns when the process has ended."""
        pipe = subprocess.PIPE
        try:
            with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe) as process:  # noqa: S603 - ours
                self._started = process
                if self._given_up:
                    process.kill()
                try:
                    drawn, said = process.communicate(self._sent, self._seconds)
                finally:
                    process.kill()
        except OSError as error:
            _log.warning("no chart: the process that draws it cannot be started: %s", error)
            return None
        except subprocess.TimeoutExpired:
            _log.warning("no chart: drawing it took more than %g s", self._seconds)
            return None
        if process.returncode == 0:
            return drawn
        if not self._given_up:
            reason = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            _log.warning("no chart: %s", reason or f"exit status {process.returncode}")
        return None

    def give_up(self) -> None:
        """Kill it, from another thread."""
        self._given_up = True
        if self._started is not None:
            self._started.kill()


def main() -> int:
    """In the other process: a drawing as JSON from stdin, the PNG to stdout."""
    sentence, spec, height = json.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(picture.png(Drawing(sentence, spec, height)))
    return 0
