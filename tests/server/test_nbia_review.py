"""The state of series: for reviewers in every state, for everybody else as far as they may fetch."""

import csv
import io
import json
from typing import Any

import pytest

from filmroom.model.access import Role, Visibility
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.testing.live import running_server

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
LABELS = {
    0: "Not Yet Reviewed",
    1: "Visible",
    2: "Not Visible",
    3: "To Be Deleted",
    4: "Delete",
    **{code: f"Stage {code - 4}" for code in range(5, 12)},
    12: "Downloadable",
}


def test_labels_are_those_of_nbia() -> None:
    assert {int(code): code.label for code in Visibility} == LABELS


@pytest.fixture
def reviewed(new_archive: Any) -> Any:
    """Two open places and a closed one, with a series in every state, and logins named for their roles."""
    for place in ("Open", "Other", "Closed"):
        for code in LABELS:
            access = "restricted" if place == "Closed" else "public"
            new_archive.add(
                f"1.{place}.{code}".replace(place, str(len(place))) + f".{code}",
                assignment=Assignment(place, place, visibility=code, access=access),
                patient_id=f"{place} {code}",
                numbers=[(1, 1)],
            )
    accounts, grants = new_archive.catalog.accounts(), new_archive.catalog.grants()
    qa, read = Role.MANAGE_VISIBILITY_STATUS.value, Role.READ.value
    for login, given in {
        "nobody": [],
        "reader": [("Closed", read)],
        "open reviewer": [("Open", qa)],
        "blind reviewer": [("Closed", qa)],
        "closed reviewer": [("Closed", qa), ("Closed", read)],
        "others": [("Open", role.value) for role in Role if role.value != qa],
    }.items():
        accounts.add(login, "correct horse battery")
        for collection, role in given:
            grants.add(Grant(collection, None, role, user=login))
    accounts.add("gone", "correct horse battery")
    grants.add(Grant("Open", None, qa, user="gone"))
    return new_archive


def test_reviewers_see_every_state_where_they_review(reviewed: Any, fetch: Any) -> None:
    uids = [row["series_instance_uid"] for row in _all_series(reviewed)]
    fetched = {"Visible", "Downloadable"}
    every = set(LABELS.values())
    expected = {
        "undefined": {"Open": fetched, "Other": fetched},
        "nobody": {"Open": fetched, "Other": fetched},
        "reader": {"Open": fetched, "Other": fetched, "Closed": fetched},
        "open reviewer": {"Open": every, "Other": fetched},
        "blind reviewer": {"Open": fetched, "Other": fetched},
        "closed reviewer": {"Open": fetched, "Other": fetched, "Closed": every},
        "others": {"Open": fetched, "Other": fetched},
    }
    with running_server(reviewed.address) as url:
        for login, places in expected.items():
            headers = {**FORM, "Authorization": f"Bearer {_token(reviewed, login)}"}
            for version in ("v2", "v4"):
                body = "&".join(f"seriesId={uid}" for uid in uids).encode()
                answer = fetch(url, f"/nbia-api/services/{version}/getSeriesQCInfo", "POST", body, **headers)
                found: dict[str, set[str]] = {}
                for row in json.loads(answer.body):
                    place = row["Project"] if version == "v2" else row["Collection"]
                    found.setdefault(place, set()).add(row["Visibility"])
                assert found == places, (login, version)
        # The grant stays and has no effect.
        token = _token(reviewed, "gone")
        reviewed.catalog.accounts().set_active("gone", active=False)
        headers = {**FORM, "Authorization": f"Bearer {token}"}
        assert fetch(url, "/nbia-api/v2/getSeriesQCInfo", "POST", b"seriesId=1", **headers).status == 401


def test_rows_come_in_the_order_that_was_asked_and_nothing_is_204(live: Any) -> None:
    uids = [live.bare.series_uid, "9.9.9", live.hidden.series_uid, live.full.series_uid]
    rows = json.loads(live.ask("v2/getSeriesQCInfo", seriesId=uids).body)
    assert [row["SeriesInstanceUID"] for row in rows] == [uids[0], uids[3]]
    full = rows[1]
    assert full.pop("ReleaseDate").startswith("20")
    assert full == {
        "SeriesInstanceUID": "1.2.1",
        "Visibility": "Visible",
        "ReleaseStatus": "Yes",
        "ImageCount": 12,
        "Doi": "https://doi.org/10.1/open",
        "LicenseName": "CC BY 4.0",
        "Site": "Open Site",
        "Project": "Open-CT",
        "PatientID": "pat-Lower",
        "Modality": "CT",
        "StudyDescription": 'Thorax, "left" <5/8>',
        "SeriesDescription": "Axial, 5 mm",
    }
    text = live.ask("v4/getSeriesQCInfo", seriesId=",".join(uids), format="csv").text
    header, *cells = csv.reader(io.StringIO(text))
    assert header.index("Visibility") == header.index("FileSize") + 1
    assert [line[header.index("Visibility")] for line in cells] == ["Visible", "Visible"]
    for version in ("v2", "v4"):
        for nothing in ("9.9.9", "", live.hidden.series_uid, live.restricted.series_uid):
            answer = live.ask(f"{version}/getSeriesQCInfo", seriesId=nothing)
            assert (answer.status, answer.body) == (204, b"")


def test_roles_are_the_callers_own(live: Any) -> None:
    def roles(viewer: str) -> list[str]:
        answer = live.send("getRoles", {}, Authorization=f"Bearer {live.tokens[viewer]}")
        assert answer.headers["content-type"] == "application/json"
        found: list[str] = json.loads(answer.body)
        return found

    assert roles("guest") == roles("grantee") == roles("member") == ["NCIA.READ"]
    assert roles("stranger") == [role.value for role in Role]


def test_where_to_log_in_is_told_without_a_login(live: Any) -> None:
    rows = json.loads(live.ask("v1/getKeycloakParams").body)
    told = {row["paramName"]: row["paramValue"] for row in rows}
    assert set(told) == {"auth-server-url", "realm", "resource", "token-endpoint"}
    assert not any(word in str(told).lower() for word in ("password", "guest", "secret"))
    body = b"grant_type=password&username=nbia_guest"
    path = told["token-endpoint"].removeprefix(live.url)
    assert json.loads(live.get(path, "POST", body, **FORM).body)["token_type"] == "Bearer"
    assert live.ask("up").text == "up"


def _all_series(archive: Any) -> list[dict[str, Any]]:
    import sqlalchemy as sa

    from filmroom.catalog.schema import series

    with archive.catalog._database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(series)).mappings()]


def _token(archive: Any, login: str) -> str:
    if login == "undefined":
        return login
    issued = archive.catalog.tokens().log_in(login, "correct horse battery", TokenLifetimes())
    return str(issued.access)
