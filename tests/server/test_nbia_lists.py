"""Shared lists over a real socket, in the words of NBIA."""

import json
from typing import Any

import pytest

from filmroom.model.access import VisibleSet
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.testing.live import running_server

FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def send(live: Any, operation: str, viewer: str = "stranger", **fields: Any) -> Any:
    return live.send(operation, fields, Authorization=f"Bearer {live.tokens[viewer]}")


def test_a_list_from_its_making_to_its_end(live: Any) -> None:
    name, uids = "Ünser Cart", [live.bare.series_uid, live.full.series_uid]
    fields = {
        "name": name,
        "list": uids,
        "description": "two <b>series</b>",
        "url": "https://example.org/?a=1",
    }
    assert (send(live, "createSharedList", **fields).text) == "List created"
    for again in (name, name.upper()):
        answer = send(live, "createSharedList", "grantee", name=again, list=uids)
        assert (answer.status, answer.text) == (400, "Duplicate list name")
    answer = send(live, "getSharedList", "guest", nameValue=name.lower())
    assert answer.headers["content-type"] == "application/json"
    found = json.loads(answer.body)
    assert list(found) == [
        "name",
        "comment",
        "hyperlink",
        "date",
        "id",
        "userName",
        "seriesInstanceUIDs",
        "seriesInstanceUidsList",
        "usageCount",
        "dateString",
    ]
    assert (found["name"], found["comment"], found["hyperlink"]) == (name, *list(fields.values())[2:])
    assert found["seriesInstanceUIDs"] == uids
    assert [entry["seriesInstanceUid"] for entry in found["seriesInstanceUidsList"]] == uids
    assert {entry["parentId"] for entry in found["seriesInstanceUidsList"]} == {found["id"]}
    assert found["userName"] is None
    assert json.loads(send(live, "getSharedList", nameValue=name).body)["userName"] == "stranger"
    for version in ("v1", "v2"):
        rows = json.loads(live.ask(f"{version}/getContentsByName", name=name.swapcase()).body)
        assert [row["SeriesInstanceUID"] for row in rows] == uids
        assert "Date Released" in rows[0]
        assert "DateReleased" not in rows[0]
    assert send(live, "deleteSharedList", "grantee", name=name).text == "Only the owner can delete a list"
    assert send(live, "deleteSharedList", name=name).text == "List deleted"
    answer = send(live, "deleteSharedList", name=name)
    assert (answer.status, answer.text) == (400, "List name not found")
    assert send(live, "getSharedList", nameValue=name).body == b"null"
    answer = live.ask("v1/getContentsByName", name=name)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("state", ["restricted", "hidden", "fetched_only"])
def test_series_that_may_not_be_seen_are_refused_as_unknown_ones_are(live: Any, state: str) -> None:
    for uid in (getattr(live, state).series_uid, "9.9.9", "x", "' OR 1=1 --"):
        answer = send(live, "createSharedList", name="never made", list=[live.full.series_uid, uid])
        expected = (400, "User does not have permission for all series in list")
        assert (answer.status, answer.text) == expected
    assert send(live, "getSharedList", nameValue="never made").body == b"null"


def test_a_list_shows_each_viewer_its_own_series(live: Any) -> None:
    name, uids = "mixed", [live.full.series_uid, live.restricted.series_uid]
    assert send(live, "createSharedList", "grantee", name=name, list=",".join(uids)).status == 200
    for viewer, seen in {"grantee": uids, "member": uids, "stranger": uids[:1], "guest": uids[:1]}.items():
        assert (
            json.loads(send(live, "getSharedList", viewer, nameValue=name).body)["seriesInstanceUIDs"] == seen
        )
        rows = json.loads(send(live, "v2/getContentsByName", viewer, name=name).body)
        assert [row["SeriesInstanceUID"] for row in rows] == seen
    # Version 1 looks at no token.
    rows = json.loads(send(live, "v1/getContentsByName", "grantee", name=name).body)
    assert [row["SeriesInstanceUID"] for row in rows] == uids[:1]


def test_what_cannot_be_a_list_is_told(live: Any) -> None:
    right = {"name": "right", "list": live.full.series_uid}
    for wrong in (
        {"name": ""},
        {"name": "x" * 201},
        {"url": "file:///etc/passwd"},
        {"list": ","},
        {"list": ""},
    ):
        answer = send(live, "createSharedList", **(right | wrong))
        assert answer.status == 400, wrong
        assert answer.text.startswith(("The name of a list", "The address of a list", "A list has 1 to"))
    assert send(live, "getSharedList", nameValue="right").body == b"null"
    assert send(live, "getSharedList", nameValue="x" * 10_000).body == b"null"


def test_five_thousand_series_at_once_and_every_use_counted(new_archive: Any, fetch: Any) -> None:
    uids = [f"1.2.{n}" for n in range(5_000)]
    new_archive.add("1.1", assignment=Assignment("Open", "Open"))
    new_archive.add_many(uids[:50], Assignment("Open", "Open"))
    new_archive.catalog.accounts().add("alice", "correct horse battery")
    token = new_archive.catalog.tokens().log_in("alice", "correct horse battery", TokenLifetimes()).access
    headers = {**FORM, "Authorization": f"Bearer {token}"}
    with running_server(new_archive.address) as url:
        base = f"{url}/nbia-api/services"

        def post(operation: str, body: str) -> Any:
            return fetch(url, f"/nbia-api/services/{operation}", "POST", body.encode(), **headers)

        everything = "&".join(f"list={uid}" for uid in uids)
        assert post("createSharedList", f"name=all&{everything}").status == 400  # most are unknown
        some = "&".join(f"list={uid}" for uid in uids[:50])
        assert post("createSharedList", f"name=all&{some}").text == "List created"
        for _ in range(3):
            assert len(json.loads(post("getSharedList", "nameValue=ALL").body)["seriesInstanceUIDs"]) == 50
        path = f"{base}/v1/getContentsByName?name=All".removeprefix(url)
        assert len(json.loads(fetch(url, path).body)) == 50
    # The last ones are written when the server ends.
    assert new_archive.catalog.lists().find("all", VisibleSet()).usage_count == 4
