"""What was there is put back: the very same object, also under somebody else's wrapper."""

from __future__ import annotations

from typing import Any

import pytest
import wrapt

from telemetry.instrument.patching import Patches, defining_class


class Base:
    def method(self) -> str:
        return "base"

    @classmethod
    def make(cls) -> str:
        return cls.__name__


class Derived(Base):
    pass


def loud(wrapped: Any, _: Any, args: Any, kwargs: Any) -> str:
    return wrapped(*args, **kwargs) + "!"  # type: ignore[no-any-return]


def test_restore_puts_the_same_object_back() -> None:
    before = vars(Base)["method"], vars(Base)["make"]
    patches = Patches()
    patches.wrap(Base, "method", loud)
    patches.wrap(Base, "make", loud)
    assert (Derived().method(), Derived.make()) == ("base!", "Derived!")
    patches.restore()
    assert (vars(Base)["method"], vars(Base)["make"]) == before
    assert vars(Base)["method"] is before[0]


def test_an_object_made_before_is_patched_too() -> None:
    connected = Derived()
    patches = Patches()
    patches.wrap(Base, "method", loud)
    assert connected.method() == "base!"
    patches.restore()
    assert connected.method() == "base"


def test_a_wrapper_put_on_top_of_ours_stays_and_ours_passes_calls_through(monkeypatch: pytest.MonkeyPatch) -> None:
    patches = Patches()
    monkeypatch.setattr(Base, "method", vars(Base)["method"])  # restored at the end whatever happens
    patches.wrap(Base, "method", loud)
    theirs: Any = wrapt.FunctionWrapper(vars(Base)["method"], lambda w, _, a, k: "<" + w(*a, **k) + ">")
    monkeypatch.setattr(Base, "method", theirs)
    assert Base().method() == "<base!>"
    patches.restore()
    assert Base().method() == "<base>"


def test_only_an_own_attribute_is_wrapped() -> None:
    with pytest.raises(AttributeError, match="has no 'method' of its own"):
        Patches().wrap(Derived, "method", loud)


def test_an_attribute_that_was_not_there_is_gone_again() -> None:
    patches = Patches()
    patches.add(Derived, "extra", 1)
    assert vars(Derived)["extra"] == 1
    patches.restore()
    assert "extra" not in vars(Derived)
    with pytest.raises(AttributeError, match="has a 'method' of its own"):
        patches.add(Base, "method", loud)


@pytest.mark.parametrize("theirs", [False, True])
def test_before_receives_the_instance_and_the_method_runs(theirs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if theirs:
        wrapper: Any = wrapt.FunctionWrapper(vars(Base)["method"], lambda w, _, a, k: "<" + w(*a, **k) + ">")
        monkeypatch.setattr(Base, "method", wrapper)
    original, patches = vars(Base)["method"], Patches()
    seen: list[Any] = []
    patches.before(Base, "method", seen.append)
    derived = Derived()
    assert derived.method() == ("<base>" if theirs else "base")
    assert seen == [derived]
    patches.restore()
    assert vars(Base)["method"] is original
    derived.method()
    assert seen == [derived]


def test_defining_class_follows_the_mro() -> None:
    assert defining_class(Derived, "method") is Base
    with pytest.raises(AttributeError):
        defining_class(Derived, "nothing")
