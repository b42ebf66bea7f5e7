"""The client of the package index (``datacite``, by inveniosoftware), unchanged, against our write API."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from datacite import DataCiteRESTClient
from datacite.errors import DataCiteForbiddenError, DataCiteUnauthorizedError
from datacite_writing import COMPLETE, PASSWORD, Writers, writers

from filmroom.settings import ArchiveAddress

METADATA = {name: value for name, value in COMPLETE.items() if name != "url"}
PAGE = "https://archive.example.org/collection/demo/"


@pytest.fixture(scope="module")
def api(module_address: ArchiveAddress, fetch: Callable[..., Any]) -> Iterator[Writers]:
    with writers(module_address, fetch) as found:
        yield found


def client(api: Writers, name: str = "DEMO.ARCHIVE", password: str = PASSWORD) -> DataCiteRESTClient:
    return DataCiteRESTClient(name, password, "10.5072", url=f"{api.url}/datacite")


def test_draft_publish_update_delete_and_read_back(api: Writers) -> None:
    writer = client(api)
    drafts = [
        writer.draft_doi(),
        writer.draft_doi(copy.deepcopy(METADATA)),
        writer.draft_doi(doi="10.5072/mine"),
    ]
    assert drafts[2] == "10.5072/mine"
    for doi in drafts:
        assert api.ask("GET", f"/dois/{doi}", who=None)[0] == 404
        writer.delete_doi(doi)
        assert api.ask("GET", f"/dois/{doi}")[0] == 404

    doi = writer.public_doi(copy.deepcopy(METADATA), PAGE, doi="10.5072/public")
    assert (doi, writer.get_doi(doi)) == ("10.5072/public", PAGE)
    assert api.ask("GET", f"/dois/{doi}", who=None)[1]["data"]["attributes"]["state"] == "findable"
    assert writer.update_url(doi, f"{PAGE}2") == f"{PAGE}2"
    changed = writer.update_doi(doi, metadata={"version": "2"})
    assert (changed["version"], changed["url"]) == ("2", f"{PAGE}2")
    assert writer.hide_doi(doi)["state"] == "registered"
    assert writer.show_doi(doi)["state"] == "findable"
    private = writer.private_doi(copy.deepcopy(METADATA), PAGE, doi="10.5072/private")
    assert api.ask("GET", f"/dois/{private}")[1]["data"]["attributes"]["state"] == "registered"
    generated = writer.public_doi(copy.deepcopy(METADATA), PAGE)
    assert generated.startswith("10.5072/")


def test_what_it_makes_of_refusals(api: Writers) -> None:
    with pytest.raises(DataCiteUnauthorizedError):
        client(api, password="wrong horse battery").draft_doi()
    with pytest.raises(DataCiteForbiddenError):
        client(api, "demo.closed").draft_doi(doi="10.5072/closed")


def test_a_doi_edited_twice_with_its_activities(api: Writers) -> None:
    writer = client(api)
    doi = writer.public_doi(copy.deepcopy(METADATA), PAGE, doi="10.5072/History")
    writer.update_doi(doi, metadata={"version": "2"})
    titles = [{"title": "CT of phantoms, second edition"}]
    writer.update_doi(doi, metadata={"titles": titles, "subjects": [{"subject": "Phantom"}]})
    status, body, _ = api.ask("GET", f"/dois/{doi}/activities", who=None)
    assert (status, body["meta"]["total"]) == (200, 3)
    third, second, first = (each["attributes"] for each in body["data"])
    assert [each["action"] for each in (first, second, third)] == ["create", "update", "update"]
    assert [each["version"] for each in (first, second, third)] == [1, 2, 3]
    assert second["changes"] == {"version_info": [None, "2"]}
    assert third["changes"] == {
        "titles": [COMPLETE["titles"], titles],
        "subjects": [[], [{"subject": "Phantom"}]],
    }
    assert (first["changes"]["aasm_state"], first["changes"]["url"]) == ("findable", PAGE)
    assert first["prov:wasAttributedTo"].endswith("/repositories/demo.archive")
