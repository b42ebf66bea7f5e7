"""The Collection Manager API over a real socket: both versions, and what of an archive is public."""

from __future__ import annotations

import re
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.model.dois import DoiState
from filmroom.testing.datasets import ANALYSIS, CLOSED, KIND, OPEN, dataset_record
from filmroom.wire.collection_manager.resources import RESOURCES, VERSIONS

OWN = 2**31


@pytest.mark.parametrize("version", VERSIONS)
def test_datasets_are_what_is_findable_and_has_a_name(served: Any, version: str) -> None:
    names = [row["collection_short_title"] for row in served.rows(version, "collections")]
    assert names == ["Open", "Closed"]
    assert [row["result_doi"] for row in served.rows(version, "analysis-results")] == [ANALYSIS]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_answers_with_and_without_a_slash(served: Any, version: str) -> None:
    for resource in RESOURCES:
        reply = served.get(f"/api/{version}/{resource}?per_page=100")
        rows = reply.json() if version == "v1" else reply.json()["results"]
        assert rows, f"the archive has something of {resource}"
        assert len({row["id"] for row in rows}) == len(rows)
        assert served.get(f"/api/{version}/{resource}/?per_page=100").body == reply.body
        for end in ("", "/"):
            assert served.get(f"/api/{version}/{resource}/{rows[0]['id']}{end}").json() == rows[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_everybody_is_told_the_same_and_nothing_hidden(served: Any, version: str) -> None:
    for resource in RESOURCES:
        path = f"/api/{version}/{resource}?per_page=100&v=1"
        anonymous = served.get(path).body
        for token in (served.token, "wrong", "undefined"):
            assert served.get(path, Authorization=f"Bearer {token}").body == anonymous
        for hidden in ("draft", "secret", "registered", "nameless", "closed-001"):
            assert hidden not in anonymous.decode().casefold()


def test_a_collection_has_the_facts_of_record_archive_and_editor(served: Any) -> None:
    row = served.one("collections", OPEN)
    assert row["collection_title"] == "About Open & <more>"
    assert row["slug"] == "open"
    assert row["version_number"] == "3"
    assert row["program"] == ["Community"]
    assert row["cancer_types"] == ["Glioma", "Lung Cancer"]
    assert row["date_updated"] == "2026-03-04"
    assert row["hide_from_browse_table"] == "0"
    assert row["data_types"] == ["CT", "SEG", "Histopathology"]
    assert row["species"] == ["Human (Homo sapiens)"]
    assert [each["doi"] for each in row["related_analysis_results"]] == [ANALYSIS]
    # What the archive holds is counted; 900 is what an editor said.
    assert (row["subjects"], row["study_count"], row["series_count"]) == (1, 1, 2)
    assert row["image_count"] == sum(
        int(each["ImageCount"])
        for each in served.get("/nbia-api/services/v4/getSeries?Collection=Open").json()
    )
    assert [each["collection_doi"] for each in served.rows("v2", "collections", "search=Open")] == [OPEN]


def test_the_analysis_names_its_sources(served: Any) -> None:
    row = served.one("analysis-results", ANALYSIS)
    for name in ("collections", "related_collections"):
        assert [each["short_title"] for each in row[name]] == ["Open"]
    assert row["result_downloads"] == []


def test_downloads_are_the_archives_and_the_editors(served: Any) -> None:
    rows = {row["download_title"]: row for row in served.rows("v2", "downloads")}
    assert set(rows) == {"Images", "Slides", "Clinical <data>", "Form"}
    images = rows["Images"]
    assert images["id"] >= OWN
    assert images["data_license"] == {
        "label": "CC BY 4.0",
        "url": "https://creativecommons.org/licenses/by/4.0/",
    }
    assert images["download_access"] == "open"
    assert images["file_type"] == ["DICOM"]
    assert images["collections"] == ["Open"]
    manifest = served.get(images["download_url"])
    listed = manifest.body.decode().split("ListOfSeriesToDownload=")[1].split()
    series = served.get("/nbia-api/services/v4/getSeries?Collection=Open").json()
    assert sorted(listed) == sorted(each["SeriesInstanceUID"] for each in series)
    assert len(listed) == images["series_count"] == 2
    slides = rows["Slides"]
    assert (slides["image_count"], slides["file_type"]) == (1, ["SVS"])
    assert len(served.get(slides["download_url"]).json()) == 1
    clinical = rows["Clinical <data>"]
    assert (clinical["id"], clinical["download_size"], clinical["download_size_unit"]) == (77, "1.5", "mb")
    assert "download_file" not in clinical


def test_media_lead_from_version_1_to_the_file(served: Any) -> None:
    for row in served.rows("v1", "downloads"):
        if row["download_file"] is False:
            assert row["download_url"] == ""
            continue
        assert row["download_file"] == {"ID": row["id"]}
        found = served.get(f"/api/wp/v2/media/{row['id']}").json()
        assert found["source_url"] == row["download_url"]
    assert served.get("/api/wp/v2/media/4711").status == 404


def test_what_is_closed_is_told_by_its_record_alone(served: Any) -> None:
    row = served.one("collections", CLOSED)
    assert (row["study_count"], row["series_count"], row["image_count"], row["data_types"]) == (0, 0, 0, [])
    assert row["subjects"] == 5, "what the editor says"
    assert [each["download_title"] for each in row["collection_downloads"]] == ["Form"]


@pytest.mark.parametrize("version", VERSIONS)
def test_pages_have_everything_once(served: Any, version: str) -> None:
    whole = [row["id"] for row in served.rows(version, "downloads")]
    found: list[int] = []
    path, pages = f"/api/{version}/downloads/?per_page=3", 0
    while path:
        reply = served.get(path)
        pages += 1
        if version == "v1":
            found += [row["id"] for row in reply.json()]
            next_link = re.search(r'<([^>]+)>; rel="next"', reply.headers.get("Link", ""))
            path = next_link[1] if next_link else ""
            assert reply.headers["X-WP-Total"] == str(len(whole))
        else:
            answer = reply.json()
            found += [row["id"] for row in answer["results"]]
            assert (answer["page"], answer["total"], answer["total_pages"]) == (pages, len(whole), 2)
            more = answer["page"] < answer["total_pages"]
            path = f"/api/v2/downloads/?per_page=3&page={pages + 1}" if more else ""
    assert found == whole
    assert pages == 2


def test_links_keep_what_was_asked(served: Any) -> None:
    reply = served.get("/api/v1/downloads/?per_page=1&_fields=id,download_title&search=a%26b%20%3C")
    assert reply.json() == []
    reply = served.get("/api/v1/downloads/?per_page=1&_fields=id,download_title&search=e")
    address = re.search(r'<([^>]+)>; rel="next"', reply.headers["Link"])
    assert address is not None
    assert list(served.get(address[1]).json()[0]) == ["id", "download_title"]


@pytest.mark.parametrize(
    ("version", "fields", "numbers"), [("v1", "_fields", "include"), ("v2", "fields", "id")]
)
def test_fields_and_numbers(served: Any, version: str, fields: str, numbers: str) -> None:
    rows = served.rows(version, "collections")
    asked = f"{fields}=collection_doi,id,nonsense&{numbers}={rows[1]['id']},999999"
    assert served.rows(version, "collections", asked) == [{"id": rows[1]["id"], "collection_doi": CLOSED}]


def test_long_texts_are_told_when_asked_for(served: Any) -> None:
    assert "collection_abstract" not in served.rows("v2", "collections")[0]
    assert "collection_abstract" in served.rows("v2", "collections", "v=1")[0]
    assert "collection_abstract" in served.rows("v2", "collections", "fields=collection_abstract")[0]
    assert "collection_abstract" in served.rows("v1", "collections")[0]


def test_order(served: Any) -> None:
    def titles(query: str) -> list[str]:
        return [row["download_title"] for row in served.rows("v2", "downloads", query)]

    by_title = ["Clinical <data>", "Form", "Images", "Slides"]
    assert titles("orderby=download_title") == by_title
    assert titles("orderby=download_title&order=desc") == by_title[::-1]
    assert titles("orderby=image_count&order=asc")[0] == "Slides"
    assert titles("order=desc")[-1] == "Clinical <data>"


def test_words_are_counted_in_any_case_and_keep_their_numbers(served: Any) -> None:
    types = {row["name"]: row for row in served.rows("v2", "cancer-types")}
    assert {name: row["count"] for name, row in types.items()} == {"Glioma": 1, "Lung Cancer": 1}
    assert types["Glioma"]["id"] == served.rows("v1", "cancer-types", "search=glio")[0]["id"]
    (licence,) = served.rows("v2", "licenses")
    assert (licence["license_label"], licence["count"]) == ("CC BY 4.0", 3)
    (needed,) = served.rows("v2", "download-requirements")
    assert needed["requirements_label"] == "TCIA Data Retriever"
    assert [row["name"] for row in served.rows("v2", "programs", "orderby=name")] == ["Community", "Trial"]


def test_hostile_texts_can_do_nothing(served: Any) -> None:
    row = served.one("collections", OPEN)
    assert row["collection_abstract"] == '<p>A <b>bold</b> &lt; claim</p><a rel="nofollow noopener">y</a>'
    assert row["detailed_description"] == "Long"
    first = served.rows("v1", "collections")[0]
    assert first["title"] == {"rendered": "About Open &amp; &lt;more&gt;"}
    (cited,) = [each for each in served.rows("v2", "citations") if each["tcia_citation_doi"] == OPEN]
    assert cited["tcia_citation_text"] == (
        "Doe, J. (2026). <i>About Open &amp; &lt;more&gt;</i> (Version 3) [Dataset]. Archive. "
        "https://doi.org/10.5072/OPEN"
    )


WRONG = (
    ("collections?per_page=0", 400),
    ("collections?per_page=1001", 400),
    ("collections?per_page=x", 400),
    ("collections?page=-1", 400),
    ("collections?page=" + "9" * 400, 400),
    ("collections?include=1,x&id=1,x", 400),
    ("collections?order=sideways", 400),
    ("collections?orderby=__class__", 400),
    ("collections?search=" + "x" * 300, 400),
    ("collections/0", 404),
    ("collections/x", 404),
    ("collections/" + "9" * 40, 404),
    ("collections/%2e%2e", 404),
    ("unknown", 404),
    ("unknown/1", 404),
)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_cannot_be_is_said(served: Any, version: str) -> None:
    for path, status in WRONG:
        reply = served.get(f"/api/{version}/{path}")
        assert (path, reply.status) == (path, status)
        assert reply.json()["data"] == {"status": status}


def test_a_page_after_the_last(served: Any) -> None:
    assert served.get("/api/v1/collections?page=9").status == 400
    assert served.get("/api/v2/collections?page=9").json()["results"] == []


def test_nothing_is_written_here(served: Any) -> None:
    for method in ("POST", "PUT", "DELETE"):
        for path in ("v2/collections", "v1/collections/1", "wp/v2/media/77"):
            assert served.get(f"/api/{path}", method=method).status == 405


def test_changes_are_told_at_once(changing: Any) -> None:
    assert changing.one("collections", CLOSED)["series_count"] == 0
    with Catalog.open(changing.address.database_url) as catalog:
        catalog.set_collection("Closed", access="public")
        assert changing.one("collections", CLOSED)["series_count"] == 1
        catalog.set_collection("Open", access="restricted")
        row = changing.one("collections", OPEN)
        assert (row["series_count"], row["subjects"]) == (0, 900)
        assert [each["id"] for each in row["collection_downloads"]] == [77]

        datasets = catalog.datasets(KIND)
        assert datasets.put_downloads({OPEN: ()}).changed == 1
        assert changing.one("collections", OPEN)["collection_downloads"] == []
        datasets.remove_facts(OPEN)
        row = changing.one("collections", OPEN)
        assert (row["program"], row["subjects"]) == ([], None)

        catalog.dois().import_many([dataset_record(OPEN, "Open", DoiState.REGISTERED)], actor="test")
        dois = [each["collection_doi"] for each in changing.rows("v2", "collections")]
        assert dois == [CLOSED]
