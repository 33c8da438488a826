"""What is kept of a bot's commands: for each way to start it and each way to end it.

`KEPT` is the table in docs/reliability.md, and the list of the cases in tests/telemetry/setup/test_endings.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support import ROOT
from tests.support.processes import RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_EXIT: Final = "at exit"
"""The table has every command when the process has ended; those in flight as `cancelled`."""
NEXT_START: Final = "next start"
"""The spool has every command, and the next start writes them to the table; those in flight as `interrupted`."""
HANDED_OVER: Final = "handed over"
"""What the processor had handed to the exporter is in the table or in the spool. The rest is lost."""

WAYS: Final = {
    "run": "`slashspan run`",
    "distro": "`opentelemetry-instrument`, our distro",
    "configure": "`slashspan.configure()`",
    "exporter": "exporter `command_calls` alone",
}
ENDINGS: Final = {
    "close": "`bot.close()`",
    "interrupt": "Ctrl-C",
    "exit": "`sys.exit()`",
    "unhandled": "an unhandled exception",
    "own handler": "SIGTERM that the bot handles",
    "terminate": "any other SIGTERM",
    "kill": "SIGKILL, also when memory runs out",
    "vanish": "`os._exit()`",
    "restart": "`os.execv()`",
    "worker": "a worker forked by the bot ends, then the bot",
    "forked bot": "a bot in a forked process ends",
}
_FULL: Final = dict.fromkeys(ENDINGS, AT_EXIT) | dict.fromkeys(("kill", "vanish", "restart"), NEXT_START)
KEPT: Final = {
    "run": _FULL,
    "distro": _FULL,
    "configure": _FULL | {"terminate": NEXT_START},
    "exporter": _FULL | dict.fromkeys(("terminate", "kill", "vanish", "restart", "forked bot"), HANDED_OVER),
}
CELLS: Final = [(way, ending, kept) for way, endings in KEPT.items() for ending, kept in endings.items()]

FINISHED: Final = 5
HANDED: Final = 4
"""Finished commands that the exporter alone is handed, as a full batch. Those at the end must not fill another one."""
_ARGUMENTS: Final = {"unhandled": ["raise"], "own handler": ["own-handlers"], "forked bot": ["fork", "imported"]}
_FIRST_LINES: Final = {
    "configure": "import slashspan\nslashspan.configure()\n",
    "exporter": """
from importlib.metadata import entry_points
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from slashspan import DiscordInstrumentor
(point,) = entry_points(group="opentelemetry_traces_exporter", name="command_calls")
provider = TracerProvider(resource=Resource.create())
provider.add_span_processor(BatchSpanProcessor(point.load()()))
DiscordInstrumentor().instrument(tracer_provider=provider)
""",
}
_BOTS: Final = ROOT / "tests" / "bots"


def table() -> str:
    """The table in Markdown."""
    lines = [["the bot ends by", *WAYS.values()], ["---"] * (1 + len(WAYS))]
    lines += [[text, *(KEPT[way][ending] for way in WAYS)] for ending, text in ENDINGS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def command(way: str, ending: str, folder: Path) -> Sequence[str]:
    """Write `bot.py` into the folder: the plain bot, started in this way. Returns the arguments of `python`."""
    source = (_BOTS / ("launcher.py" if ending == "forked bot" else "plain.py")).read_text("utf-8")
    (folder / "plain.py").write_text((_BOTS / "plain.py").read_text("utf-8"), "utf-8")
    bot = folder / "bot.py"
    bot.write_text(_FIRST_LINES.get(way, "") + source, "utf-8")
    before = {"run": RUN, "distro": [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable]}
    return [*before.get(way, []), str(bot), *_ARGUMENTS.get(ending, [])]


def environ(way: str) -> dict[str, str]:
    """Batches are a minute apart, except that the exporter alone is handed a batch of HANDED commands at once."""
    more = {
        "distro": {"OTEL_PYTHON_DISTRO": "slashspan"},
        "exporter": {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(HANDED), "SLASHSPAN_REST_SPANS": "false"},
    }
    return {"OTEL_BSP_SCHEDULE_DELAY": "60000", **more.get(way, {})}
