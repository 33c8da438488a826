"""Rows that the store refuses for what is in them: one JSON line each, with the reason, for a person to look at."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from exporters.rows.command_call import CommandCall

FILE: Final = "dead-letters.jsonl"
MAX_BYTES: Final = 16 * 2**20
"""The file takes no more when it is larger; what comes then is counted and told like any lost row."""

_log = logging.getLogger("slashspan")


class DeadLetters:
    """Those of one destination, in its folder. Never raises for what the disk does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def add(self, row: CommandCall, reason: str) -> None:
        """Put a row aside."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "reason": reason, "row": dataclasses.asdict(row)}) + "\n"
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(fd, "a", encoding="utf-8") as file:
                if file.tell() < MAX_BYTES:
                    file.write(line)
                else:
                    _log.warning("%s is full; a row that the store refused was not kept", self.path)
        except OSError as error:
            _log.warning("a row that the store refused could not be kept: %s", error)

    def read(self) -> Iterator[dict[str, Any]]:
        """Each with `at`, `reason` and `row`; a line that is damaged is passed over. Raises OSError."""
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    letter = json.loads(line)
                except ValueError:
                    continue
                if isinstance(letter, dict) and isinstance(letter.get("row"), dict):
                    yield letter

    def forget(self, user_ids: Collection[int]) -> int:
        """Remove the rows of these users; returns how many. Raises OSError."""
        letters = list(self.read())
        kept = [letter for letter in letters if letter["row"].get("discord_uid") not in user_ids]
        if len(kept) < len(letters):
            aside = self.path.with_suffix(".new")
            aside.write_text("".join(json.dumps(letter) + "\n" for letter in kept), "utf-8")
            aside.replace(self.path)
        return len(letters) - len(kept)
