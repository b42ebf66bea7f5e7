"""Accounts of an institute's people in the catalogue, on both engines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import change
from filmroom.errors import AccessDenied, InvalidInput, NotFound
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.institute import Admission, Person

ISSUER = "https://idp.example"
ALICE = Person(ISSUER, "a-1", "alice", "alice@example.org", frozenset({"theirs", "other"}))
CLOSED = Admission()
OPEN = Admission(register=True, default_group="guests", groups={"theirs": "ours", "more": "rest"})


@pytest.fixture
def groups(catalog: Catalog) -> Catalog:
    for name in ("guests", "ours", "rest", "locals"):
        catalog.accounts().add_group(name)
    return catalog


def test_one_account_for_one_person_however_many_ask_at_once(groups: Catalog) -> None:
    with ThreadPoolExecutor(8) as pool:
        viewers = list(pool.map(lambda _: groups.identities().viewer(ALICE, OPEN), range(24)))
    assert len(set(viewers)) == 1
    [account] = groups.accounts().all()
    assert (account.login, account.email, account.groups) == (
        "alice",
        "alice@example.org",
        ("guests", "ours"),
    )
    assert (account.has_password, account.institute) == (False, ISSUER)
    # The same subject at another provider is another person, and the login is taken.
    with pytest.raises(AccessDenied):
        groups.identities().viewer(Person("https://other.example", "a-1", "alice"), OPEN)
    # The person is known by the subject: a new login changes nothing here.
    assert groups.identities().viewer(Person(ISSUER, "a-1", "alicia"), CLOSED) == viewers[0]


def test_nobody_is_let_in_without_an_account(groups: Catalog) -> None:
    with pytest.raises(AccessDenied, match="no account"):
        groups.identities().viewer(ALICE, CLOSED)
    groups.accounts().add("alice", "correct horse battery")
    for admission in (CLOSED, OPEN):
        with pytest.raises(AccessDenied, match="no account"):
            groups.identities().viewer(ALICE, admission)
    groups.identities().link("alice")
    assert groups.accounts().all()[0].institute == ""
    groups.identities().viewer(ALICE, CLOSED)
    assert groups.accounts().all()[0].institute == ISSUER
    with pytest.raises(AccessDenied):
        groups.identities().viewer(Person(ISSUER, "a-2", "alice"), OPEN)
    assert groups.tokens().log_in("alice", "correct horse battery", TokenLifetimes()).access


def test_an_account_without_a_password_has_none_that_fits(groups: Catalog) -> None:
    groups.accounts().add("alice", None)
    for password in ("", "None", "null"):
        with pytest.raises(AccessDenied):
            groups.tokens().log_in("alice", password, TokenLifetimes())
    groups.accounts().set_password("alice", "correct horse battery")
    assert groups.tokens().log_in("alice", "correct horse battery", TokenLifetimes()).access


def test_memberships(groups: Catalog) -> None:
    viewer = groups.identities().viewer(ALICE, OPEN)
    groups.accounts().set_member("locals", "alice", member=True)

    def after(*names: str) -> tuple[str, ...]:
        person = Person(ISSUER, "a-1", "alice", groups=frozenset(names))
        assert groups.identities().viewer(person, OPEN) == viewer
        return groups.accounts().all()[0].groups

    assert after("more") == ("guests", "locals", "rest")
    assert after("theirs", "more") == ("guests", "locals", "ours", "rest")
    assert after() == ("guests", "locals")
    assert after("ours", "locals") == ("guests", "locals")  # our names are not the provider's to use
    silent = Person(ISSUER, "a-1", "alice")
    groups.identities().viewer(silent, OPEN)
    assert groups.accounts().all()[0].groups == ("guests", "locals")
    with groups._database.reading() as connection:
        rows = connection.execute(sa.select(change).where(change.c.subject == "group rest")).all()
    said = [json.loads(row.detail) for row in rows if row.actor == "alice"]
    assert said == [{"added": "alice", "by": "institute"}, {"removed": "alice", "by": "institute"}]


def test_parting_ends_what_was_logged_in(groups: Catalog) -> None:
    viewer = groups.identities().viewer(ALICE, OPEN)
    issued = groups.tokens().log_in_person(viewer, 60)
    assert (issued.expires_in, issued.refresh) == (60, "")
    assert groups.tokens().viewer(issued.access) == viewer
    groups.identities().unlink("alice")
    with pytest.raises(AccessDenied):
        groups.tokens().viewer(issued.access)
    with pytest.raises(AccessDenied):
        groups.identities().viewer(ALICE, OPEN)  # not made again: the login is taken
    for wrong in (groups.identities().link, groups.identities().unlink):
        with pytest.raises(NotFound):
            wrong("nobody")
    groups.identities().link("alice")
    with pytest.raises(InvalidInput):
        groups.identities().link("alice")


def test_groups_that_are_named_must_be_there(groups: Catalog) -> None:
    groups.identities().check(OPEN)
    for wrong in (Admission(default_group="none"), Admission(groups={"ours": "none"})):
        with pytest.raises(NotFound, match="none"):
            groups.identities().check(wrong)
