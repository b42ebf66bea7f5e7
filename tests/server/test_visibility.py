"""What a viewer may not see does not exist: every operation, every state of a series."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from filmroom.model.queries import HierarchyDigest
from filmroom.testing.permissions import OF_ACCOUNTS, Answer, Caller, Standing, expected
from filmroom.wire.operations import OPERATIONS, Operation

STATES = ["hidden", "fetched_only", "restricted"]

Ask = Callable[[dict[str, str]], Any]


def name_of(operation: Operation) -> str:
    return operation.label


IDENTIFIERS = ("UID", "Uid", "ID", "Id", "IDs", "UIDs", "list", "seriesList", "textValue", "value0")


def of_nothing(params: dict[str, str]) -> dict[str, str]:
    """Return the same question about something unknown."""
    nothing = {name: "9.9.9" for name in params if name.endswith(IDENTIFIERS)}
    lists = {name: "no list" for name, value in params.items() if value.startswith("list of ")}
    agreements = {name: "0" for name in params if name == "agreement"}
    return {**params, **nothing, **lists, **agreements}


# How the fixture names what the table of permissions is about.
SERIES = {
    Standing.PUBLIC: "full",
    Standing.DOWNLOADABLE: "fetched_only",
    Standing.UNREVIEWED: "hidden",
    Standing.GRANTED: "restricted",
    Standing.SEALED: "sealed",
}
# What an answer says of these series and of no other.
WORDS = {
    "full": ["Open-CT", "Open Site", "Acme", "ACME", "CHEST", "448771007", "DIAGNOSIS", '"CT"'],
    "hidden": ["ZERO", "Zero", '"NM"'],
    "fetched_only": ["TWELVE", "Twelve", '"PT"'],
    "restricted": ["SECRET", "Secret", "Closed", '"US"'],
    "sealed": ["SEALED", "Sealed", "Vault", '"XA"'],
}
TOKENS = {
    Caller.GUEST: "guest",
    Caller.EXPIRED: "expired",
    Caller.STRANGER: "stranger",
    Caller.NEWCOMER: "newcomer",
    Caller.GRANTEE: "grantee",
    Caller.MEMBER: "member",
    Caller.ADMIN: "admin",
}


def secrets_of(made: Any, state: str) -> list[str]:
    return [made.series_uid, made.patient_id, *WORDS[state]]


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_permissions(live: Any, operation: Operation) -> None:
    """Everybody asks every operation about every series, and gets what the table says."""
    wrong = {}
    with live.connected() as connection:
        for standing, state in SERIES.items():
            for caller in Caller:
                wanted = expected(operation, caller, standing)
                if not is_asked(operation, caller, standing):
                    continue
                found = answer_to(live, operation, state, asking(live, connection, operation, caller))
                if found is not (Answer.UNKNOWN if wanted is Answer.NOTHING else wanted):
                    wrong[caller.value, standing.value] = (wanted, found)
    assert not wrong


def is_asked(operation: Operation, caller: Caller, standing: Standing) -> bool:
    if (caller, operation.action) == (Caller.NEWCOMER, "accept_agreement"):
        return False  # it would end what newcomer stands for; see test_policy
    if operation.auth == "public" and caller not in {Caller.ANONYMOUS, Caller.EXPIRED, Caller.ADMIN}:
        return False  # no token is looked at: the worst and the best stand for all
    # Words of the public series may stand anywhere.
    return standing is not Standing.PUBLIC or expected(operation, caller, standing) is not Answer.NOTHING


def asking(live: Any, connection: Any, operation: Operation, caller: Caller) -> Ask:
    """Return the function that asks an operation in the name of a caller."""
    header = {"Authorization": f"Bearer {live.tokens[TOKENS[caller]]}"} if caller in TOKENS else {}
    return lambda params: live.send_over(connection, operation.label, params, **header)


def answer_to(live: Any, operation: Operation, state: str, ask: Ask) -> Answer | str:
    """Ask, and tell which answer of the table it is; text that says what is wrong if it is none."""
    made = getattr(live, state)
    params = live.about(operation, made)
    answer = ask(params)
    if answer.status == 401:
        return Answer.LOGIN if answer.headers["www-authenticate"] == "Bearer" else "401 without a scheme"
    if 'rel="license"' in answer.headers.get("link", ""):
        return asked_to_agree(live, answer, made)
    secret = [each for each in secrets_of(made, state) if each.strip('"') not in params.values()]
    told = [each for each in secret if re.search(rf"(?<![0-9.]){re.escape(each)}".encode(), answer.body)]
    if told:
        return shown(operation, answer)
    nothing = of_nothing(params)
    unknown = answer if nothing == params else ask(nothing)
    as_unknown = answer.steady.replace(made.series_uid.encode(), b"9.9.9")
    is_unknown = (answer.status, as_unknown) == (unknown.status, unknown.steady)
    return Answer.UNKNOWN if is_unknown else shown(operation, answer)


def asked_to_agree(live: Any, answer: Any, made: Any) -> Answer | str:
    """The refusal of an unknown series, one sentence more, and where to accept."""
    sentence = f"Please accept its data usage agreement first: {live.url}/policy"
    if answer.status < 400 or f'<{live.url}/policy>; rel="license"' not in answer.headers["link"]:
        return f"{answer.status} with {answer.headers['link']}"
    return Answer.AGREEMENT if answer.text.endswith(sentence) else answer.text


def shown(operation: Operation, answer: Any) -> Answer | str:
    """A full answer, not a refusal that lets slip something."""
    if operation.action == "denied":
        return Answer.SHOWN if answer.status == 204 else answer.text
    if operation.action == "drop_list" and answer.text == "Only the owner can delete a list":
        return Answer.SHOWN
    return Answer.SHOWN if answer.status == 200 and answer.body else f"{answer.status} {answer.text[:200]}"


def test_every_answer_of_the_table_is_met(live: Any) -> None:
    """The table would say little if it said the same of everything."""
    del live
    answers = [
        expected(o, caller, standing) for o in OPERATIONS for caller in Caller for standing in Standing
    ]
    assert set(answers) == set(Answer)


@pytest.mark.parametrize("fmt", ["json", "csv", "xml", "html"])
@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if not any(p.required for p in o.parameters)], ids=name_of
)
def test_lists_of_everything_hold_nothing_secret(live: Any, operation: Operation, fmt: str) -> None:
    params = {"format": fmt} if "format" in operation.parameter_names else {}
    text = live.ask(name_of(operation), **params).text
    assert text or operation.query is HierarchyDigest
    for state in STATES:
        for secret in secrets_of(getattr(live, state), state):
            assert secret not in text


def test_counts_leave_hidden_series_out(live: Any) -> None:
    params = {"Collection": "Open-CT", "format": "csv"}
    text = live.ask("v4/getPatientStudy", **params).text
    assert len(text.strip().split("\n")) == 2  # the header and the one public study


def test_the_start_page_names_public_collections_only(live: Any) -> None:
    text = live.get("/").text
    assert "Open-CT" in text
    assert "Closed" not in text


def test_the_lists_of_a_grantee_hold_both(live: Any) -> None:
    for version in ("v2", "v4"):
        answer = live.send(
            f"{version}/getCollectionValues", {}, Authorization=f"Bearer {live.tokens['grantee']}"
        )
        assert [row["Collection"] for row in json.loads(answer.body)] == ["Closed", "Open-CT", "open-bare"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_tokens(live: Any, operation: Operation) -> None:
    params = live.about(operation, live.full)
    guest = live.send(operation.label, params, Authorization="Bearer undefined")
    refused = 401 if operation.action in OF_ACCOUNTS else 200
    assert guest.status == (204 if operation.action == "denied" else refused)
    anonymous = live.send(operation.label, params)
    if operation.auth == "required":
        assert anonymous.status == 401
        assert anonymous.headers["www-authenticate"] == "Bearer"
        assert json.loads(anonymous.body)["error"] == "unauthorized"
    else:
        assert anonymous.steady == guest.steady
    for token in ("Bearer abc", "Basic eDp5", "", "bearer undefined"):
        answer = live.send(operation.label, params, Authorization=token)
        if operation.auth == "public":
            assert (answer.status, answer.steady) == (guest.status, guest.steady)
        else:
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.text.startswith('{"error":"invalid_token"')
            assert "abc" not in answer.text
