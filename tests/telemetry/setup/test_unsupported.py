"""A standard variable that slashspan does not honour is refused or logged, and never silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import PLAIN, RUN, bot_process


async def test_a_configuration_file_is_refused_before_the_bot_starts(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        async with bot_process([*RUN, PLAIN], tmp_path, {"OTEL_CONFIG_FILE": "otel.yaml"}):
            pass
    assert "OTEL_CONFIG_FILE='otel.yaml': slashspan does not read it" in str(caught.value)
    assert "Traceback" not in str(caught.value)
