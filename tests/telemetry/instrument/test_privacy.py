"""Personal data is hashed or dropped before the span exists."""

from __future__ import annotations

import pytest

from slashspan import semconv
from slashspan.action_record import START_FIELDS, attributes_of_start
from slashspan.settings import Settings
from slashspan.telemetry.instrument.privacy import pseudonym, steps


def apply(environ: dict[str, str]) -> dict[str, object]:
    known = {semconv.KIND: "slash", semconv.USER_ID: 80351110224678912, semconv.USER_NAME: "nelly"}
    start = tuple(map(known.get, START_FIELDS))
    for step in steps(Settings.from_environ(environ)):
        start = step(start)
    return dict(attributes_of_start(start))


def test_by_default_nothing_is_changed() -> None:
    assert steps(Settings.from_environ({})) == ()


def test_ids_and_names_can_be_dropped() -> None:
    assert apply({"SLASHSPAN_USER_IDS": "drop", "SLASHSPAN_USER_NAMES": "drop"}) == {semconv.KIND: "slash"}


def test_a_hashed_id_is_stable_fits_the_column_and_hides_the_user() -> None:
    environ = {"SLASHSPAN_USER_IDS": "hash", "SLASHSPAN_USER_ID_KEY": "secret"}
    hashed = apply(environ)[semconv.USER_ID]
    assert hashed == apply(environ)[semconv.USER_ID] == str(pseudonym(80351110224678912, "secret"))
    assert hashed != apply(environ | {"SLASHSPAN_USER_ID_KEY": "other"})[semconv.USER_ID]
    assert 0 <= int(str(hashed)) < 2**63
    assert "80351110224678912" not in str(hashed)


@pytest.mark.parametrize("attribute", [a for a in semconv.ATTRIBUTES if a.personal])
def test_every_personal_attribute_can_be_dropped(attribute: semconv.Attribute) -> None:
    assert attribute.key not in apply({"SLASHSPAN_USER_IDS": "drop", "SLASHSPAN_USER_NAMES": "drop"})
