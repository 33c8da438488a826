"""Patches are removed completely: the original object is restored, even under somebody else's wrapper."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import wrapt

from slashspan.telemetry.instrument.patching import ANY, Patches, defining_class


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


def test_an_added_attribute_is_removed_again() -> None:
    patches = Patches()
    patches.add(Derived, "extra", 1)
    assert vars(Derived)["extra"] == 1
    patches.restore()
    assert "extra" not in vars(Derived)
    with pytest.raises(AttributeError, match="has a 'method' of its own"):
        patches.add(Base, "method", loud)


@pytest.mark.parametrize("theirs", [False, True])
def test_a_replacement_gets_the_instance_and_calls_the_original(theirs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if theirs:
        wrapper: Any = wrapt.FunctionWrapper(vars(Base)["method"], lambda w, _, a, k: "<" + w(*a, **k) + ">")
        monkeypatch.setattr(Base, "method", wrapper)
    original, patches = vars(Base)["method"], Patches()
    seen: list[Any] = []

    def make(original: Any, active: list[bool]) -> Any:
        def method(self: Any) -> str:
            if active:
                seen.append(self)
            return str(original(self))

        return method

    patches.replace(Base, "method", make)
    derived = Derived()
    assert derived.method() == ("<base>" if theirs else "base")
    assert seen == [derived]
    patches.restore()
    assert vars(Base)["method"] is original
    derived.method()
    assert seen == [derived]


class Method:
    def method(self, one: int, two: int = 2) -> tuple[int, int]:
        return one, two

    @classmethod
    def make(cls, one: int, two: int = 2) -> tuple[int, int]:
        return one, two


@pytest.mark.parametrize("name", ["method", "make"])
def test_a_wrapper_finds_an_argument_however_it_was_passed(name: str) -> None:
    seen: list[Any] = []

    def note(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        seen.append(args[:2])
        return wrapped(*args, **kwargs)

    patches = Patches()
    patches.wrap(Method, name, note, reads=("one", "two"))
    method = getattr(Method(), name)
    assert method(1, 3) == method(1, two=3) == method(one=1, two=3) == method(two=3, one=1) == (1, 3)
    assert seen == [(1, 3)] * 4
    assert method(1) == (1, 2), "an argument that was not passed: the wrapper is left out"
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'one'"):
        method(two=3)
    assert seen == [(1, 3)] * 4
    patches.restore()


@pytest.mark.parametrize("name", ["method", "make"])
@pytest.mark.parametrize("reads", [("two",), ("one", "two", "three")])
def test_a_method_with_other_parameters_is_refused(name: str, reads: tuple[str, ...]) -> None:
    with pytest.raises(AttributeError, match=rf"Method.{name} takes \(one, two\), not \({', '.join(reads)}\)"):
        Patches().wrap(Method, name, loud, reads=reads)


def test_a_parameter_may_have_any_name_where_the_bot_defines_it() -> None:
    patches = Patches()
    patches.wrap(Method, "method", lambda w, _, a, k: (*w(*a, **k), a[0]), reads=(ANY,))
    method: Any = Method().method
    assert method(one=5) == (5, 2, 5)
    patches.restore()


def test_all_patches_of_a_hook_are_applied_or_none() -> None:
    before = vars(Base)["method"], vars(Base)["make"]
    patches = Patches()
    patches.wrap(Base, "method", loud)

    def install(patches: Patches) -> None:
        patches.wrap(Base, "make", loud)
        patches.add(Derived, "extra", 1)
        patches.wrap(Base, "renamed_upstream", loud)

    patches.install("what this hook records", install)
    assert (len(patches.missing), Base().method(), Base.make()) == (1, "base!", "Base")
    assert "what this hook records" in patches.missing[0]
    assert "renamed_upstream" in patches.missing[0]
    assert "extra" not in vars(Derived)
    assert not patches.has(Base, "make")
    patches.restore()
    assert (vars(Base)["method"], vars(Base)["make"]) == before


def test_a_patched_class_is_not_kept_alive() -> None:
    patches = Patches()

    class Local:
        def method(self) -> type:
            return __class__  # type: ignore[name-defined,no-any-return]

    patches.wrap(Local, "method", lambda w, _, a, k: w(*a, **k))
    assert Local().method() is Local
    gone = weakref.ref(Local)
    del Local
    gc.collect()
    assert gone() is None
    patches.restore()


def test_defining_class_follows_the_mro() -> None:
    assert defining_class(Derived, "method") is Base
    with pytest.raises(AttributeError):
        defining_class(Derived, "nothing")
