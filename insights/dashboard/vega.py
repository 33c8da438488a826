"""The browser's part of Vega, as the installed vl-convert makes it: nothing of it is kept in the repository."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import platformdirs

from slashspan.errors import ConfigurationError
from slashspan.insights.charts.drawing import VEGA_LITE

_MAKE: Final = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle(vl_version=sys.argv[1]))"


async def bundle(folder: Path | None = None) -> bytes:
    """Vega, Vega-Lite and vega-embed as one script. Made in a process of its own, which takes about two seconds, and
    kept in the user's cache folder. Raises ConfigurationError if that fails.
    """
    folder = folder or Path(platformdirs.user_cache_dir("slashspan", appauthor=False))
    file = folder / f"vega-{version('vl-convert-python')}-{VEGA_LITE}.js"
    try:
        return file.read_bytes()
    except OSError:
        pass
    command = [sys.executable, "-X", "utf8", "-c", _MAKE, VEGA_LITE]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    script = bytes(done.stdout)
    if done.returncode != 0 or not script:
        problem = done.stderr.decode(errors="replace")[-500:]
        raise ConfigurationError(f"vl-convert could not make Vega's script: {problem}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        partial.write_bytes(script)
        partial.replace(file)
    except OSError:
        pass  # made again next time
    return script
