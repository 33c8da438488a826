"""What users install: the wheel, built from the source distribution."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "import slashspan; assert 'site' in slashspan.__file__; from slashspan.telemetry.cli import main; main()"
TEMPLATES = "slashspan/telemetry/cli/templates"


def build(target: str, source: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("dist")
    with tarfile.open(build("sdist", ROOT, folder)) as archive:
        archive.extractall(folder / "source")
    (source,) = (folder / "source").iterdir()
    with zipfile.ZipFile(build("wheel", source, folder)) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def slashspan(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command of this wheel, whatever is installed beside it."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {MAIN}", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
    )


def test_it_contains_everything_that_a_user_needs(site: Path) -> None:
    for name in (
        "slashspan/exporters/stores/schema/sqlite/0001_command_calls.sql",
        "slashspan/exporters/stores/schema/postgresql/0001_command_calls.sql",
        "slashspan/exporters/stores/schema/postgresql/state.sql",
        "slashspan/insights/sql/common/commands.sql",
        "slashspan/examples/ladder_bot/__main__.py",
        "slashspan/examples/ladder_bot/sql/queries.sql",
        "slashspan/examples/ladder_demo/demo.py",
        "slashspan/examples/discord_standin/server.py",
        "slashspan/py.typed",
    ):
        assert (site / name).is_file(), name
    for name in ("collector-config.yaml", "collector-gateway.yaml"):
        assert (site / TEMPLATES / name).read_bytes() == (ROOT / name).read_bytes()


def test_nothing_but_slashspan_is_installed_and_nothing_twice(site: Path) -> None:
    assert {entry.name for entry in site.iterdir() if not entry.name.endswith(".dist-info")} == {"slashspan"}
    assert not list(site.rglob("src"))
    assert len(list(site.rglob("discord_standin"))) == 1


def test_its_metadata_show_the_readme_and_name_no_address_that_does_not_exist(site: Path) -> None:
    (file,) = site.glob("*.dist-info/METADATA")
    metadata = Parser().parsestr(file.read_text("utf-8"))
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("Project-URL") is None


def test_the_demo_runs(site: Path, tmp_path: Path) -> None:
    done = slashspan(site, tmp_path, "demo", "--commands", "50", "--rate", "200")
    assert "sent 50 = recorded 50" in done.stdout, done.stdout + done.stderr


def test_init_writes_the_files_of_a_clone(site: Path, tmp_path: Path) -> None:
    for name, place in (("installed", site), ("clone", ROOT / "src")):
        folder = tmp_path / name / "bot"
        folder.mkdir(parents=True)
        command = "from slashspan.telemetry.cli import main; main()"
        script = f"import sys; sys.path.insert(0, {str(place)!r}); {command}"
        subprocess.run([sys.executable, "-c", script, "init"], cwd=folder, check=True, capture_output=True, timeout=60)
    for file in (tmp_path / "clone" / "bot").iterdir():
        installed = (tmp_path / "installed" / "bot" / file.name).read_text("utf-8")
        assert installed.replace(str(tmp_path / "installed"), str(tmp_path / "clone")) == file.read_text("utf-8")


def test_the_stand_in_can_be_imported_as_the_tutorial_does(site: Path, tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(site)!r}); from slashspan.examples.discord_standin import StandIn"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)
