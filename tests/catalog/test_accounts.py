"""Accounts, tokens and grants in the catalogue, on both engines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.passwords import hash_password, verify_password
from filmroom.catalog.schema import change
from filmroom.catalog.schema_access import token
from filmroom.errors import AccessDenied, InvalidInput, NotFound
from filmroom.model.access import PUBLIC, Role, Viewer, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.model.queries import FindValues

SECRET = "correct horse battery"
LASTING = TokenLifetimes()
READ = Role.READ.value


def closed(collection: str, site: str) -> Assignment:
    return Assignment(collection, site, access="restricted")


@pytest.fixture
def filled(catalog: Catalog, make: Callable[..., Any]) -> Catalog:
    """A public collection, and a closed one with two sites."""
    places = [Assignment("Open", "Open"), closed("Shut", "North"), closed("Shut", "South")]
    for n, place in enumerate(places):
        catalog.commit_batch(
            None, [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", f"P{n}", assignment=place, modality=f"M{n}")]
        )
    catalog.accounts().add("alice", SECRET, "alice@example.org")
    return catalog


def seen(catalog: Catalog, viewer: Viewer = PUBLIC) -> set[str]:
    """Return the modalities that a viewer sees: one per place."""
    pages = catalog.rows(FindValues("modality"), VisibleSet(viewer))
    return {row["modality"] for page in pages for row in page}


def log_in(catalog: Catalog, login: str = "alice", password: str = SECRET) -> Any:
    return catalog.tokens().log_in(login, password, LASTING)


def test_a_password_is_kept_as_argon2id_of_the_stated_cost() -> None:
    kept = hash_password(SECRET)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(SECRET, kept) == (True, None)
    assert verify_password(SECRET + "x", kept)[0] is False
    assert verify_password(SECRET, None)[0] is False
    # The two ways to write a letter with an accent are one password.
    assert verify_password("cafe\u0301-cre\u0300me", hash_password("café-crème"))[0]
    for bad in ("", "short", "x" * 1025):
        with pytest.raises(InvalidInput):
            hash_password(bad)
    assert verify_password("x" * 1_000_000, kept)[0] is False


def test_a_cheaper_hash_is_replaced_at_login(filled: Catalog) -> None:
    from pwdlib.hashers.argon2 import Argon2Hasher

    from filmroom.catalog.schema import account

    cheap = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
    with filled._database.writing() as connection:
        connection.execute(sa.update(account).values(password_hash=cheap))
    log_in(filled)
    with filled._database.reading() as connection:
        assert "m=19456" in connection.scalar(sa.select(account.c.password_hash))
    log_in(filled)


def test_accounts_are_made_once_and_named_well(filled: Catalog) -> None:
    accounts = filled.accounts()
    for login, email in (("alice", None), ("nbia_guest", None), ("", None), (" x", None), ("a\nb", None)):
        with pytest.raises(InvalidInput):
            accounts.add(login, SECRET, email)
    with pytest.raises(InvalidInput):
        accounts.add("bob", SECRET, "no address")
    with pytest.raises(NotFound):
        accounts.set_active("bob", active=False)
    [only] = accounts.all()
    assert (only.login, only.email, only.active, only.groups) == ("alice", "alice@example.org", True, ())


def test_groups(filled: Catalog) -> None:
    accounts = filled.accounts()
    accounts.add("bob", SECRET)
    accounts.add_group("readers", "People who read")
    for login in ("bob", "alice", "alice"):
        accounts.set_member("readers", login, member=True)
    [group] = accounts.groups()
    assert (group.name, group.description, group.members) == ("readers", "People who read", ("alice", "bob"))
    assert [one.groups for one in accounts.all()] == [("readers",), ("readers",)]
    accounts.set_member("readers", "bob", member=False)
    assert accounts.groups()[0].members == ("alice",)
    with pytest.raises(InvalidInput):
        accounts.add_group("readers")
    with pytest.raises(NotFound):
        accounts.set_member("writers", "alice", member=True)


def test_a_login_gives_tokens_that_say_who_it_is(filled: Catalog) -> None:
    issued = log_in(filled)
    assert (issued.expires_in, issued.refresh_expires_in) == (7200, 2592000)
    assert len(issued.access) == len(issued.refresh) == 43
    viewer = filled.tokens().viewer(issued.access)
    assert viewer.login == "alice"
    for wrong in (issued.refresh, issued.access + "x", "", "x" * 100_000, "\ud800"):
        with pytest.raises(AccessDenied):
            filled.tokens().viewer(wrong)
    for login, password in (("alice", "wrong"), ("alice", ""), ("ALICE", SECRET), ("nobody", SECRET)):
        with pytest.raises(AccessDenied):
            log_in(filled, login, password)


def test_tokens_expire(filled: Catalog) -> None:
    tokens = filled.tokens()
    issued = log_in(filled)
    past = dt.datetime(2020, 1, 1)
    with filled._database.writing() as connection:
        connection.execute(sa.update(token).where(token.c.kind == "access").values(expires=past))
    with pytest.raises(AccessDenied):
        tokens.viewer(issued.access)
    again = tokens.refresh(issued.refresh, LASTING)
    assert tokens.viewer(again.access).login == "alice"
    with filled._database.writing() as connection:
        connection.execute(sa.update(token).where(token.c.kind == "refresh").values(expires=past))
    with pytest.raises(AccessDenied):
        tokens.refresh(again.refresh, LASTING)
    log_in(filled)
    with filled._database.reading() as connection:  # what has expired is swept up
        assert connection.scalar(sa.select(sa.func.count()).where(token.c.expires == past)) == 0


def test_a_refresh_token_serves_once_and_a_second_time_ends_everything(filled: Catalog) -> None:
    tokens = filled.tokens()
    first, other = log_in(filled), log_in(filled)
    second = tokens.refresh(first.refresh, LASTING)
    assert tokens.viewer(second.access).login == "alice"
    with pytest.raises(AccessDenied):
        tokens.refresh(first.refresh, LASTING)
    for dead in (first.access, second.access):
        with pytest.raises(AccessDenied):
            tokens.viewer(dead)
    with pytest.raises(AccessDenied):
        tokens.refresh(second.refresh, LASTING)
    assert tokens.viewer(other.access).login == "alice"


def test_of_many_who_refresh_at_once_one_is_served(filled: Catalog) -> None:
    issued = log_in(filled)

    def attempt(_: int) -> bool:
        try:
            filled.tokens().refresh(issued.refresh, LASTING)
        except AccessDenied:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_logout_ends_one_login(filled: Catalog) -> None:
    tokens = filled.tokens()
    one, other = log_in(filled), log_in(filled)
    tokens.log_out(one.access)
    for attempt in (lambda: tokens.viewer(one.access), lambda: tokens.refresh(one.refresh, LASTING)):
        with pytest.raises(AccessDenied):
            attempt()
    assert tokens.viewer(other.access).login == "alice"
    with pytest.raises(AccessDenied):
        tokens.log_out(one.access)


@pytest.mark.parametrize("how", ["disabled", "password"])
def test_tokens_end_with_what_they_came_from(filled: Catalog, how: str) -> None:
    tokens, accounts = filled.tokens(), filled.accounts()
    issued = log_in(filled)
    secret = accounts.add_client("alice")
    if how == "disabled":
        accounts.set_active("alice", active=False)
        with pytest.raises(AccessDenied):
            log_in(filled)
        with pytest.raises(AccessDenied):
            tokens.client_log_in(secret.client_id, secret.client_secret, LASTING)
    else:
        accounts.set_password("alice", "another password")
        with pytest.raises(AccessDenied):
            log_in(filled)
    for attempt in (lambda: tokens.viewer(issued.access), lambda: tokens.refresh(issued.refresh, LASTING)):
        with pytest.raises(AccessDenied):
            attempt()
    if how == "disabled":
        accounts.set_active("alice", active=True)
        with pytest.raises(AccessDenied):  # what ended does not come back
            tokens.viewer(issued.access)
        log_in(filled)


def test_programs_log_in_with_a_secret(filled: Catalog) -> None:
    tokens, accounts = filled.tokens(), filled.accounts()
    secret = accounts.add_client("alice")
    issued = tokens.client_log_in(secret.client_id, secret.client_secret, LASTING)
    assert (issued.refresh, issued.refresh_expires_in) == ("", 0)
    assert tokens.viewer(issued.access).login == "alice"
    for client_id, client_secret in (
        (secret.client_id, "wrong"),
        ("client-0", secret.client_secret),
        ("", ""),
        (secret.client_id, issued.access),
    ):
        with pytest.raises(AccessDenied):
            tokens.client_log_in(client_id, client_secret, LASTING)
    with pytest.raises(AccessDenied):
        tokens.viewer(secret.client_secret)
    tokens.log_out(issued.access)
    again = tokens.client_log_in(secret.client_id, secret.client_secret, LASTING)
    assert [(one.client_id, one.client_secret) for one in accounts.clients()] == [(secret.client_id, "")]
    accounts.drop_client(secret.client_id)
    for attempt in (
        lambda: tokens.viewer(again.access),
        lambda: tokens.client_log_in(secret.client_id, secret.client_secret, LASTING),
    ):
        with pytest.raises(AccessDenied):
            attempt()
    with pytest.raises(NotFound):
        accounts.drop_client(secret.client_id)


def test_grants_open_what_they_name(filled: Catalog, make: Callable[..., Any]) -> None:
    grants, accounts = filled.grants(), filled.accounts()
    alice = filled.tokens().viewer(log_in(filled).access)
    assert seen(filled, alice) == seen(filled) == {"M0"}
    assert grants.add(Grant("Shut", "North", READ, user="alice"))
    assert not grants.add(Grant("Shut", "North", READ, user="alice"))
    assert (seen(filled, alice), seen(filled)) == ({"M0", "M1"}, {"M0"})
    accounts.add_group("readers")
    grants.add(Grant("Shut", None, READ, group="readers"))
    assert seen(filled, alice) == {"M0", "M1"}
    accounts.set_member("readers", "alice", member=True)
    assert seen(filled, alice) == {"M0", "M1", "M2"}
    # A site that comes later is of the collection; a collection that is called alike is not.
    for n, place in enumerate([closed("Shut", "West"), closed("Shut2", "West")], 3):
        filled.commit_batch(
            None, [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", f"P{n}", assignment=place, modality=f"M{n}")]
        )
    assert (seen(filled, alice), seen(filled)) == ({"M0", "M1", "M2", "M3"}, {"M0"})
    listed = [Grant("Shut", None, READ, group="readers"), Grant("Shut", "North", READ, user="alice")]
    assert grants.all() == listed
    accounts.set_active("alice", active=False)
    assert seen(filled, alice) == {"M0"}
    accounts.set_active("alice", active=True)
    accounts.set_member("readers", "alice", member=False)
    assert seen(filled, alice) == {"M0", "M1"}
    for grant in listed:
        grants.remove(grant)
    assert seen(filled, alice) == {"M0"}
    with pytest.raises(NotFound):
        grants.remove(listed[0])


@pytest.mark.parametrize("name", ["PUBLIC", "NCIA.PUBLIC", "A//B"])
def test_no_name_of_a_collection_opens_another(catalog: Catalog, make: Callable[..., Any], name: str) -> None:
    places = [closed(name, "S"), closed("A", "B"), closed("A", "B//S")]
    for n, place in enumerate(places):
        catalog.commit_batch(
            None, [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", f"P{n}", assignment=place, modality=f"M{n}")]
        )
    catalog.accounts().add("alice", SECRET)
    alice = catalog.tokens().viewer(log_in(catalog).access)
    catalog.grants().add(Grant(name, None, READ, user="alice"))
    assert (seen(catalog, alice), seen(catalog)) == ({"M0"}, set())


def test_other_roles_show_nothing_and_what_is_unknown_is_refused(filled: Catalog) -> None:
    grants = filled.grants()
    alice = filled.tokens().viewer(log_in(filled).access)
    for role in Role:
        if role is not Role.READ:
            grants.add(Grant("Shut", None, role.value, user="alice"))
    assert seen(filled, alice) == {"M0"}
    for place in (("Missing", None), ("Shut", "Missing")):
        with pytest.raises(NotFound):
            grants.add(Grant(*place, READ, user="alice"))
    for holder in ({"user": "bob"}, {"group": "readers"}):
        with pytest.raises(NotFound):
            grants.add(Grant("Shut", None, READ, **holder))
    for bad in (
        Grant("Shut", None, "NCIA.KING", user="alice"),
        Grant("Shut", None, READ),
        Grant("Shut", None, READ, user="alice", group="readers"),
    ):
        with pytest.raises(InvalidInput):
            grants.add(bad)


def test_everything_is_recorded_and_nothing_secret(filled: Catalog) -> None:
    issued = log_in(filled)
    secret = filled.accounts().add_client("alice")
    filled.grants().add(Grant("Shut", None, READ, user="alice"))
    for login in ("alice", "password-in-the-wrong-field"):
        with pytest.raises(AccessDenied):
            filled.tokens().log_in(login, "wrong password", LASTING, address="192.0.2.7")
    filled.tokens().log_out(issued.access)
    with filled._database.reading() as connection:
        rows = connection.execute(sa.select(change.c.actor, change.c.subject, change.c.detail)).all()
    record = "\n".join(f"{row.actor} {row.subject} {row.detail}" for row in rows)
    for line in (
        "account alice",
        "alice login {}",
        'alice login refused {"address": "192.0.2.7"}',
        'unknown login refused {"address": "192.0.2.7"}',
        "alice logout",
        "grant Shut",
    ):
        assert line in record
    for word in (
        SECRET,
        "wrong password",
        "wrong-field",
        issued.access,
        issued.refresh,
        secret.client_secret,
    ):
        assert word not in record
