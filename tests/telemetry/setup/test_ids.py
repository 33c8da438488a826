"""Our own provider respects `OTEL_PYTHON_ID_GENERATOR`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slashspan.errors import ConfigurationError
from slashspan.private_ids import PrivateIds
from slashspan.telemetry.setup.ids import id_generator

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from opentelemetry.sdk.trace.id_generator import IdGenerator

class Sevens(IdGenerator):
    def generate_span_id(self):
        return 7

    def generate_trace_id(self):
        return 77
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with an id generator, as installed by pip."""
    info = tmp_path / "sevens-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sevens\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_id_generator]\nsevens = sevens_generator:Sevens\nbroken = sevens_generator:Missing\n"
        "other = pathlib:PurePath\n"
    )
    (tmp_path / "sevens_generator.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("environ", [{}, {"OTEL_PYTHON_ID_GENERATOR": "random"}])
def test_random_ids_are_private_by_default(environ: dict[str, str]) -> None:
    assert isinstance(id_generator(environ), PrivateIds)


@pytest.mark.usefixtures("_installed")
def test_a_generator_that_the_user_chose_is_used() -> None:
    generator = id_generator({"OTEL_PYTHON_ID_GENERATOR": " sevens "})
    assert (generator.generate_span_id(), generator.generate_trace_id()) == (7, 77)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("name", "message"),
    [("nobody", "must be one of: .*random.*sevens"), ("broken", "cannot be set up"), ("other", "not an id generator")],
)
def test_an_invalid_generator_is_a_configuration_error(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"OTEL_PYTHON_ID_GENERATOR='{name}'.*{message}"):
        id_generator({"OTEL_PYTHON_ID_GENERATOR": name})
