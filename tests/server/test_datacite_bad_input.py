"""What the write API answers to what is wrong: words that clients know, and never a fault of ours."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datacite_writing import COMPLETE, Writers, writers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmroom.model.doi_import import records_from_json
from filmroom.settings import ArchiveAddress
from filmroom.wire.datacite.change import WRITABLE

DOI = "10.5072/3mfp-6m52"
REFUSED_DOI = "10.5072/refused"


@pytest.fixture(scope="module")
def api(module_address: ArchiveAddress, fetch: Callable[..., Any]) -> Iterator[Writers]:
    with writers(module_address, fetch) as found:
        yield found


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in {**COMPLETE, **more}.items() if name not in names}


# What is sent to publish, the source that is wrong, and what the answer says of it (part of it, or all: =).
REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    (without("url"), "url", "=Can't be blank"),
    (without(url=""), "url", "=Can't be blank"),
    (without(url="no address"), "url", "=URL is not valid"),
    (without(url="javascript:alert(1)"), "url", "=URL is not valid"),
    (without(url="https://"), "url", "=URL is not valid"),
    (without(url=7), "url", "=URL is not valid"),
    (without(url=["https://example.org"]), "url", ""),
    (without(doi="10.5072/bad name"), "doi", "=Is invalid"),
    (without(doi="10.5072/"), "doi", "=Is invalid"),
    (without(doi="10.5072/ümlaut"), "doi", "=Is invalid"),
    (without(doi="10.5072/" + "x" * 300), "doi", "=Is invalid"),
    (without(doi=7), "doi", "=Is invalid"),
    (without(doi="hello"), "doi", "=Is invalid"),
    (without(doi="10.5072/nul\0"), "doi", "=Is invalid"),
    (without("creators"), "creators", "Missing child element(s)"),
    (without(creators=[]), "creators", "Missing child element(s)"),
    (without(creators=[{}]), "creators", ""),
    (without(creators=["Doe, Jane"]), "creators", "should be an object instead of a string."),
    (without(creators={"name": "x"}), "creators", ""),
    (without(creators=[{"name": "x", "nameIdentifiers": {"a": 1}}]), "creators", ""),
    (without(creators=[{"name": "x", "affiliation": 7}]), "creators", ""),
    (without(creators=[{"name": "x", "nameType": "Robot"}]), "creators", ""),
    (without(contributors=[{"name": "x", "contributorType": "Cook"}]), "contributors", ""),
    (without("titles"), "titles", ""),
    (without(titles=["x"]), "titles", "=Title 'x' should be an object instead of a string."),
    (without(titles="x"), "titles", ""),
    (without(titles=[{"title": "x", "titleType": "Worst"}]), "titles", ""),
    (without("publisher"), "publisher", ""),
    (without(publisher=7), "publisher", ""),
    (without("publicationYear"), "publicationYear", ""),
    (without(publicationYear="soon"), "publicationYear", ""),
    (without(publicationYear=99999), "publicationYear", ""),
    (without("types"), "types", ""),
    (without(types={"resourceTypeGeneral": "Potato"}), "types", ""),
    (without(types=["Dataset"]), "types", ""),
    (without(dates=[{"date": "2026", "dateType": "Never"}]), "dates", ""),
    (without(dates=["2026"]), "dates", "should be an object instead of a string."),
    (
        without(
            relatedIdentifiers=[
                {"relatedIdentifier": "x", "relatedIdentifierType": "DOI", "relationType": "Y"}
            ]
        ),
        "relatedIdentifiers",
        "",
    ),
    (without(rightsList=[{"rights": "x" * 2_001}]), "rightsList", "2000 characters"),
    (without(descriptions=[{"description": "x", "descriptionType": "Poem"}]), "descriptions", ""),
    (without(fundingReferences=[{"awardNumber": "1"}]), "fundingReferences", ""),
    (without(sizes=[7]), "sizes", ""),
    (without(formats="dicom"), "formats", ""),
    (without(version=["1"]), "version", ""),
    (without(schemaVersion="http://datacite.org/schema/kernel-3"), "schemaVersion", "is no longer supported"),
    (without(titles=[{"title": "nul \0 in it"}]), "titles", "=Is invalid"),
    (without(titles=[{"title": "bell \a in it"}]), "titles", "=Is invalid"),
    (without(source="x" * 41), "source", "40 characters"),
    (without(reason={"why": "not"}), "reason", "2000 characters"),
    (without(event=["publish"]), "event", "=Is invalid"),
    (without(xml=7), "xml", "=Is invalid"),
)


@pytest.mark.parametrize(
    "case", REFUSED, ids=[f"{number:02d}-{case[1]}" for number, case in enumerate(REFUSED)]
)
def test_what_cannot_be_published(api: Writers, case: tuple[dict[str, Any], str, str]) -> None:
    attributes, source, text = case
    for method, path in (("POST", "/dois"), ("PUT", f"/dois/{REFUSED_DOI}")):
        if method == "PUT" and "doi" in attributes:
            continue  # the path names it
        body = {"doi": REFUSED_DOI, "event": "publish", **attributes}
        status, answer, _ = api.write(method, path, **body)
        assert status == 422, answer
        found = {each["source"]: each for each in answer["errors"]}
        assert source in found, answer
        assert found[source]["title"] == text[1:] if text.startswith("=") else text in found[source]["title"]
        assert len(found) == len(answer["errors"])
    assert api.ask("GET", f"/dois/{REFUSED_DOI}")[0] == 404  # nothing of it was kept


@pytest.mark.shared
def test_error_bodies_letter_for_letter(api: Writers, shared_datacite: Path) -> None:
    cases = {each["case"]: each for each in json.loads((shared_datacite / "errors.json").read_text())}
    record = json.loads((shared_datacite / "records" / "10.7937_s17z-r072.json").read_text())
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    api.catalog.dois().import_many(list(records_from_json(record, moment)), actor="import")
    publish = {"doi": DOI, "event": "publish"}
    sent: dict[str, tuple[int, Any, Any]] = {
        "unknown DOI": api.ask("GET", "/dois/10.7937/none-such", who=None),
        "write without credentials": api.ask("POST", "/dois", {}, who=None),
        "wrong password": api.ask("POST", "/dois", {}, who="wrong"),
        "right credentials, someone else's DOI": api.write("PUT", "/dois/10.7937/s17z-r072", version="9"),
        "body without data": api.ask("POST", "/dois", {}),
        "publish without url": api.write("POST", "/dois", **publish, **without("url")),
        "publish without creators": api.write("POST", "/dois", **publish, **without("creators")),
        "malformed DOI": api.write("POST", "/dois", doi="10.5072/bad name"),
        "title given as a string": api.write("POST", "/dois", **publish, **without(titles=["x"])),
        "random DOI without prefix": api.ask("GET", "/dois/random", who=None),
        "unknown path": api.ask("GET", "/nope", who=None),
    }
    made = api.write("POST", "/dois", doi=DOI, **COMPLETE, event="register")
    assert made[0] == 201
    sent["DOI in draft or registered state, no credentials"] = api.ask("GET", f"/dois/{DOI}", who=None)
    sent["DOI exists"] = api.write("POST", "/dois", doi=DOI)
    sent["delete of a DOI that is not a draft"] = api.ask("DELETE", f"/dois/{DOI}")
    for name, (status, body, _) in sent.items():
        assert status == cases[name]["status"], name
        if name == "publish without creators":
            # The place in the XML is the writer's own.
            body["errors"][0]["title"] = body["errors"][0]["title"].partition(" at line")[0]
            cases[name]["body"]["errors"][0]["title"] = cases[name]["body"]["errors"][0]["title"].partition(
                " at line"
            )[0]
        assert body == cases[name]["body"], name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["title", "name", "affiliation", "nameIdentifiers", "date", "rights", "identifier", "", "a\0"]
            )
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from([*sorted(WRITABLE), "alternateIdentifiers", "event", "suffix", "mode", "state", "xml"]),
    JSON,
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(attributes=ATTRIBUTES, publish=st.booleans())
def test_no_attributes_are_a_fault_of_ours(api: Writers, attributes: dict[str, Any], publish: bool) -> None:
    body = {**COMPLETE, "event": "publish"} if publish else {}
    status, answer, _ = api.write("POST", "/dois", **{**body, **attributes, "prefix": "10.5072"})
    assert status in {201, 400, 422}, answer
    if status == 201:
        doi = answer["data"]["id"]
        assert api.ask("GET", f"/dois/{doi}")[0] == 200
        assert api.write("PUT", f"/dois/{doi}", **attributes)[0] in {200, 422}
    else:
        assert answer["errors"]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(document=JSON | st.fixed_dictionaries({"data": JSON}))
def test_no_document_is_a_fault_of_ours(api: Writers, document: Any) -> None:
    for method, path in (("POST", "/dois"), ("POST", "/dois/validate"), ("PUT", "/dois/10.5072/any")):
        assert api.ask(method, path, document)[0] in {200, 201, 400, 422}
