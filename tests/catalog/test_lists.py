"""Shared lists in the catalogue, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.errors import (
    AccessDenied,
    FilmroomError,
    IdentityConflict,
    InvalidInput,
    LoginRequired,
    NotFound,
)
from filmroom.model import lists as model
from filmroom.model.access import PUBLIC, Role, Scope, Viewer, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.model.lists import ListUse, NewList

OPEN, SHUT, HIDDEN = "1.0.1", "1.1.1", "1.2.1"


@pytest.fixture
def filled(catalog: Catalog, make: Callable[..., Any]) -> Catalog:
    """A public series, one that alice may see, and one that nobody may see yet."""
    places = [
        Assignment("Open", "Open"),
        Assignment("Shut", "Site", access="restricted"),
        Assignment("Open", "Open", visibility=0),
    ]
    for n, place in enumerate(places):
        catalog.commit_batch(None, [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", f"P{n}", assignment=place)])
    for login in ("alice", "bob"):
        catalog.accounts().add(login, "correct horse battery")
    catalog.grants().add(Grant("Shut", None, Role.READ.value, user="alice"))
    return catalog


def seen_by(catalog: Catalog, login: str, scope: Scope = Scope.SEARCH) -> VisibleSet:
    issued = catalog.tokens().log_in(login, "correct horse battery", TokenLifetimes())
    return VisibleSet(catalog.tokens().viewer(issued.access), scope)


def uids(catalog: Catalog, name: str, visible: VisibleSet) -> list[str]:
    found = [entry.series_instance_uid for entry in catalog.lists().find(name, visible).entries]
    rows = [row for page in catalog.lists().rows(name, visible)[1] for row in page]
    assert [row["series_instance_uid"] for row in rows] == found
    return found


def test_a_list_is_found_in_any_case_and_shows_each_what_it_may_see(filled: Catalog) -> None:
    alice, bob = seen_by(filled, "alice"), seen_by(filled, "bob")
    filled.lists().create(NewList(" Größe 1 ", (SHUT, OPEN, SHUT), "two", "https://example.org/x"), alice)
    for name in ("GRÖSSE 1", "größe 1", "  Größe 1", "gro\u0308ße 1"):
        assert uids(filled, name, alice) == [SHUT, OPEN]
        assert uids(filled, name, bob) == uids(filled, name, VisibleSet(PUBLIC)) == [OPEN]
    made = filled.lists().find("größe 1", bob)
    assert (made.name, made.description, made.hyperlink, made.owner, made.usage_count) == (
        "Größe 1",
        "two",
        "https://example.org/x",
        "alice",
        0,
    )
    # Logins are told to those who have one.
    assert filled.lists().find("größe 1", VisibleSet(PUBLIC)).owner == ""
    with pytest.raises(NotFound):
        filled.lists().find("Größe", alice)


def test_a_list_of_what_one_may_not_see_is_none(filled: Catalog) -> None:
    alice, bob = seen_by(filled, "alice"), seen_by(filled, "bob")
    filled.lists().create(NewList("secret trial", (SHUT,)), alice)
    assert uids(filled, "secret trial", alice) == [SHUT]
    for visible in (bob, VisibleSet(PUBLIC)):
        with pytest.raises(NotFound):
            filled.lists().find("secret trial", visible)
        with pytest.raises(NotFound):
            filled.lists().rows("secret trial", visible)
    with pytest.raises(NotFound):
        filled.lists().delete("secret trial", bob)
    # It is the owner's still when the grant ends, and empty.
    filled.grants().remove(Grant("Shut", None, Role.READ.value, user="alice"))
    assert uids(filled, "secret trial", alice) == []
    filled.lists().delete("SECRET trial", alice)
    with pytest.raises(NotFound):
        filled.lists().find("secret trial", alice)


@pytest.mark.parametrize("denied", [SHUT, HIDDEN, "9.9.9"])
def test_every_series_must_be_one_that_the_owner_may_see(filled: Catalog, denied: str) -> None:
    bob = seen_by(filled, "bob")
    with pytest.raises(NotFound):
        filled.lists().create(NewList("mine", (OPEN, denied)), bob)
    with pytest.raises(NotFound):
        filled.lists().find("mine", bob)


def test_a_name_is_given_once_also_to_many_at_a_time(filled: Catalog) -> None:
    alice = seen_by(filled, "alice")

    def create(number: int) -> FilmroomError | None:
        try:
            filled.lists().create(NewList("Mine" if number % 2 else "mINE", (OPEN,)), alice)
        except IdentityConflict as error:
            return error
        return None

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(create, range(8)))
    assert results.count(None) == 1
    assert uids(filled, "mine", alice) == [OPEN]


def test_only_the_owner_deletes_and_the_guest_owns_nothing(filled: Catalog) -> None:
    alice, bob = seen_by(filled, "alice"), seen_by(filled, "bob")
    filled.lists().create(NewList("ours", (OPEN,)), alice)
    with pytest.raises(AccessDenied):
        filled.lists().delete("ours", bob)
    for visible in (VisibleSet(PUBLIC), VisibleSet(Viewer())):
        with pytest.raises(LoginRequired):
            filled.lists().delete("ours", visible)
        with pytest.raises(LoginRequired):
            filled.lists().create(NewList("other", (OPEN,)), visible)
    filled.lists().delete("ours", alice)
    filled.lists().create(NewList("ours", (OPEN,)), bob)  # the name is free again
    assert filled.lists().find("ours", alice).owner == "bob"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": "a\nb"},
        {"name": "a\x07"},
        {"description": "x" * 4_001},
        {"hyperlink": "javascript:alert(1)"},
        {"hyperlink": "https://example.org/" + "x" * 500},
        {"series_instance_uids": ()},
        {"series_instance_uids": tuple(f"1.{n}" for n in range(model.MOST_SERIES + 1))},
    ],
)
def test_what_no_list_can_have_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"name": "list", "series_instance_uids": ("1.2",)}
    assert NewList(**right)
    with pytest.raises(InvalidInput):
        NewList(**(right | wrong))


def test_the_longest_names_are_kept(filled: Catalog) -> None:
    alice = seen_by(filled, "alice")
    for letter in ("x", "\ufb03", "\u0390", "\u0958", "\U0001d15e"):
        filled.lists().create(NewList(letter * 200, (OPEN,)), alice)
        assert filled.lists().find(letter.upper() * 200, alice).name == letter * 200


def test_an_account_has_so_many_lists(filled: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filmroom.catalog.lists.MOST_LISTS", 2)
    alice, bob = seen_by(filled, "alice"), seen_by(filled, "bob")
    for name in ("1", "2"):
        filled.lists().create(NewList(name, (OPEN,)), alice)
    with pytest.raises(InvalidInput, match="at most 2"):
        filled.lists().create(NewList("3", (OPEN,)), alice)
    filled.lists().create(NewList("3", (OPEN,)), bob)


def test_uses_are_counted_also_of_lists_that_are_gone(filled: Catalog) -> None:
    alice = seen_by(filled, "alice")
    filled.lists().create(NewList("ours", (OPEN,)), alice)
    number = filled.lists().find("ours", alice).id
    filled.lists().record_uses([ListUse(number), ListUse(number), ListUse(number + 1_000)])
    filled.lists().record_uses([ListUse(number)])
    assert filled.lists().find("ours", alice).usage_count == 3


def test_a_long_list_keeps_its_order(filled: Catalog, make: Callable[..., Any]) -> None:
    many = [f"1.7.{n}" for n in range(1_200)]
    filled.commit_batch(
        None, [make(f"{uid}.1", uid, "1.7", "P7", assignment=Assignment("Open", "Open")) for uid in many]
    )
    backwards = tuple(reversed(many))
    filled.lists().create(NewList("long", backwards), seen_by(filled, "alice"))
    assert tuple(uids(filled, "long", VisibleSet(PUBLIC))) == backwards
