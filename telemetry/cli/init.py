"""`slashspan init`: what a deployment needs, as files to edit."""

from __future__ import annotations

import getpass
import json
import os
import re
import shlex
import sys
from pathlib import Path, PurePath
from typing import Final

import click

from slashspan.telemetry.cli.options import FAILED_STATUS
from slashspan.telemetry.cli.output import say

TEMPLATES: Final = Path(__file__).with_name("templates")
ENV_FILE: Final = "slashspan.env"
COMPOSE_FILE: Final = "compose.yaml"
COLLECTOR_FILES: Final = ("collector-config.yaml", "collector-gateway.yaml")
UNIT_TEMPLATE: Final = "bot.service"
_DSN: Final = {
    "sqlite": "SLASHSPAN_DSN=sqlite:///command_calls.db",
    "postgresql": "# The password belongs in PGPASSWORD or ~/.pgpass. compose.yaml uses a PostgreSQL of its own.\n"
    "SLASHSPAN_DSN=postgresql://slashspan@localhost:5432/slashspan",
}
_REQUIREMENTS: Final = """\
        COPY requirements.txt /tmp/
        RUN pip install --no-cache-dir -r /tmp/requirements.txt
"""
_PLAIN: Final = re.compile(r"[\w@+=:,./-]+", re.ASCII)


def _service_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise click.BadParameter("use letters, digits, '-', '_' and '.' only; it is also the name of the systemd unit")
    return name


def _bot(_: click.Context, __: click.Parameter, name: str) -> str:
    if PurePath(name).is_absolute() or not name.isprintable():
        raise click.BadParameter("name a file relative to FOLDER")
    return PurePath(name).as_posix()


@click.command(short_help="Write the files of a deployment: settings, Compose, systemd, collector.")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--bot", default="bot.py", show_default=True, callback=_bot, help="The bot's file, relative to FOLDER.")
@click.option("--service-name", callback=_service_name, help="Default: the name of the bot's file.")
@click.option(
    "--store",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="Where the bot writes rows outside of Compose, which has a PostgreSQL of its own.",
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def init(folder: Path, bot: str, service_name: str | None, store: str, force: bool) -> None:
    """Write an env file, a Compose file (bot, PostgreSQL, collector), configurations of a collector and a systemd unit
    into FOLDER.

    FOLDER is the bot's; default: the working directory. All files are written or none: if one exists, nothing is
    changed without --force. They contain no secrets, and say where these belong.
    """
    name = service_name or re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePath(bot).stem).strip("-.") or "bot"
    files = contents(folder, bot=bot, service_name=name, store=store)
    existing = [file for file in files if os.path.lexists(folder / file)]
    if existing and not force:
        say(f"slashspan: {', '.join(existing)} exist in {folder}; nothing was written", err=True)
        say("--force overwrites them; another folder leaves them alone: slashspan init deployment", err=True)
        sys.exit(FAILED_STATUS)
    try:
        _write(folder, files)
    except OSError as error:
        say(f"slashspan: nothing was written: {error}", err=True)
        sys.exit(FAILED_STATUS)
    say(f"wrote {', '.join(files)} to {folder.resolve()}")
    _say_next(folder, bot, f"{name}.service")


def contents(folder: Path, *, bot: str, service_name: str, store: str) -> dict[str, str]:
    """The files by name. `folder` need not exist; the unit contains its absolute path."""
    place = folder.resolve()
    values = {
        "bot": shlex.quote(bot),
        "command": json.dumps(["slashspan", "run", bot], ensure_ascii=False).replace("$", "$$"),
        "dsn": _DSN[store],
        "exec_start": " ".join(map(_unit_word, [*_slashspan(), "run", "--env-file", ENV_FILE, bot])),
        "folder": str(place).replace("%", "%%"),
        "requirements": _REQUIREMENTS if (place / "requirements.txt").is_file() else "",
        "service_name": service_name,
        "user": _user(),
    }

    def filled(template: str) -> str:
        text = (TEMPLATES / template).read_text("utf-8")
        return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)

    return {
        ENV_FILE: filled(ENV_FILE),
        COMPOSE_FILE: filled(COMPOSE_FILE),
        **{file: _collector_config(file).read_text("utf-8") for file in COLLECTOR_FILES},
        f"{service_name}.service": filled(UNIT_TEMPLATE),
    }


def _collector_config(file: str) -> Path:
    """Beside the templates in a wheel, at the top level of a clone."""
    installed = TEMPLATES / file
    return installed if installed.is_file() else Path(__file__).resolve().parents[2] / file


def _slashspan() -> list[str]:
    """The command as this environment has it. Not `python -m`, which would put the bot's folder on the path."""
    script = Path(sys.executable).with_name("slashspan")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "slashspan"]


def _unit_word(word: str) -> str:
    """One word of ExecStart, quoted as systemd.service(5) and systemd.unit(5) say."""
    word = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _user() -> str:
    try:
        return f"User={getpass.getuser()}"
    except (KeyError, OSError, ImportError):  # no name for this uid; Windows without USERNAME
        return "# User=the user that owns the bot"


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write all files or, if one cannot be written, none. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        if (folder / name).is_dir():
            raise IsADirectoryError(f"{folder / name} is a folder")
    staged: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            temporary = folder / f".{name}.new"
            staged[temporary] = folder / name
            temporary.write_bytes(text.encode())
        for temporary, file in staged.items():
            temporary.replace(file)
    finally:
        for temporary in staged:
            temporary.unlink(missing_ok=True)


def _say_next(folder: Path, bot: str, unit: str) -> None:
    if not (folder / bot).exists():
        say(f"{bot} is not there yet; if the bot has another name, start again with --bot and --force")
    here = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    say("")
    say("Next, one of:")
    for title, command in (
        ("here", f"{here}slashspan run --env-file {ENV_FILE} {shlex.quote(bot)}"),
        ("containers", f"{here}docker compose up --detach  # needs POSTGRES_PASSWORD in .env"),
        ("systemd", f"{here}sudo cp {unit} /etc/systemd/system/ && sudo systemctl enable --now {unit}"),
    ):
        say(f"  {title:<11} {command}")
    say("The bot's token and other secrets belong in .env, which stays out of version control.")
