"""What a viewer may not see does not exist: every operation, every state of a series."""

import datetime as dt
import json
from typing import Any

import pytest

from filmroom.wire.operations import OPERATIONS, Operation

EARLIER = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
STATES = ["hidden", "fetched_only", "restricted"]


def name_of(operation: Operation) -> str:
    return operation.label


def aimed_at(operation: Operation, made: Any, *, modality: str) -> dict[str, str]:
    """Return every parameter that the operation has, each with the value of one series."""
    values = {
        "Collection": made.collection,
        "Modality": modality,
        "PatientID": made.patient_id,
        "PatientId": made.patient_id,
        "StudyInstanceUID": made.study_uid,
        "SeriesInstanceUID": made.series_uid,
        "SOPInstanceUID": made.first,
        "SOPInstanceUid": made.first,
        "Date": EARLIER.strftime("%Y/%m/%d"),
        "list": made.series_uid,
    }
    if operation.name != "getUpdatedSeries":
        values["fromDate"] = EARLIER.strftime("%m-%d-%Y")
    return {p.name: values[p.name] for p in operation.parameters if p.name in values}


MODALITIES = {"full": "CT", "hidden": "NM", "fetched_only": "PT", "restricted": "US"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_a_public_series_is_there(live: Any, operation: Operation) -> None:
    """The control: the same question about a public series has an answer."""
    params = aimed_at(operation, live.full, modality="CT")
    answer = live.ask(name_of(operation), **params)
    assert (answer.status, bool(answer.body)) == (200, True)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_other_series_are_as_if_unknown(live: Any, operation: Operation, state: str) -> None:
    made = getattr(live, state)
    params = aimed_at(operation, made, modality=MODALITIES[state])
    answer = live.ask(name_of(operation), **params)
    if operation.name == "getSeriesMetaData" and state == "fetched_only":
        assert answer.status == 200
        assert made.series_uid in answer.text
        return
    identifiers = {name for name in params if name.endswith(("UID", "Uid", "ID", "Id"))}
    unknown = live.ask(name_of(operation), **params | dict.fromkeys(identifiers, "9.9.9"))
    assert answer.status == unknown.status
    assert answer.body.replace(made.series_uid.encode(), b"9.9.9") == unknown.body
    for secret in secrets_of(made, state):
        assert secret not in answer.text or secret in params.values()


def secrets_of(made: Any, state: str) -> list[str]:
    words = {"hidden": "ZERO", "fetched_only": "TWELVE", "restricted": "SECRET"}
    collection = ["Closed"] if state == "restricted" else []
    return [made.series_uid, made.patient_id, words[state], words[state].title(), *collection]


@pytest.mark.parametrize("fmt", ["json", "csv", "xml", "html"])
@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if not any(p.required for p in o.parameters)], ids=name_of
)
def test_lists_of_everything_hold_nothing_secret(live: Any, operation: Operation, fmt: str) -> None:
    params = {"format": fmt} if "format" in operation.parameter_names else {}
    text = live.ask(name_of(operation), **params).text
    assert text
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


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_tokens(live: Any, operation: Operation) -> None:
    params = aimed_at(operation, live.full, modality="CT")
    guest = live.send(operation.label, params, Authorization="Bearer undefined")
    assert guest.status == 200
    anonymous = live.send(operation.label, params)
    if operation.auth == "required":
        assert anonymous.status == 401
        assert anonymous.headers["www-authenticate"] == "Bearer"
        assert json.loads(anonymous.body)["error"] == "unauthorized"
    else:
        assert anonymous.body == guest.body
    for token in ("Bearer abc", "Basic eDp5", "", "bearer undefined"):
        answer = live.send(operation.label, params, Authorization=token)
        if operation.auth == "public":
            assert (answer.status, answer.body) == (200, guest.body)
        else:
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.text.startswith('{"error":"invalid_token"')
            assert "abc" not in answer.text
