"""The commands ``ingest``, ``quarantine`` and ``collection`` as a person uses them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.errors import InvalidInput
from filmroom.ingest.collection_table import apply_terms, read_collection_table
from filmroom.model.policy import LICENCES, doi_address, find_licence, known_licence


def test_exit_codes_and_summary(
    archive: Any, source: Path, h: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive.chosen(monkeypatch)
    h.write_series(source)
    done = h.run("ingest", *data, "--collection", "STUDY", "--licence", "cc-by-4.0", source)
    assert "3 files stored" in done.stdout
    assert "STUDY: 3 files, public, new series at visibility 1, licence CC BY 4.0" in done.stdout
    assert "filmroom collection set" in done.stdout
    assert done.stderr == ""
    (source / "cut.dcm").write_bytes(next(source.iterdir()).read_bytes()[:-4])
    report = tmp_path / "r.json"
    done = h.run_process("ingest", *data, "--collection", "STUDY", "--report", report, source, check=3)
    assert "1 truncated" in done.stdout
    assert json.loads(report.read_text())["counts"]["quarantined"] == 1
    for wrong in (
        ("ingest", *data, source),
        ("ingest", *data, "--collection", "A", "--collection-from", "tag", source),
        ("ingest", *data, "--collection", "A", tmp_path / "nowhere"),
        ("ingest", *data, "--collection", "A", "--doi", "nonsense", source),
        ("ingest", *data, "--collection", "A", "--licence-url", "https://x.org/", source),
        ("ingest", *data, "--collection", "A", "--visibility", "13", source),
    ):
        h.run(*wrong, check=2)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    failed = h.run_process("ingest", "--data", tmp_path / "broken", "--collection", "A", source, check=1)
    assert failed.stderr.startswith("Error: ")


def test_quarantine_commands(
    archive: Any, source: Path, h: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive.chosen(monkeypatch)
    (source / "loose").mkdir()
    h.write(source / "good.dcm", h.dataset())
    (source / "cut.dcm").write_bytes((source / "good.dcm").read_bytes()[:-4])
    h.run("ingest", *data, "--collection-from", "folder", source, check=3)
    items = json.loads(h.run("quarantine", "list", *data, "--format", "json").stdout)
    by_name = {Path(item["source"]).name: item["id"] for item in items}
    assert sorted(item["reason"] for item in items) == ["no-collection", "truncated"]
    shown = h.run("quarantine", "show", by_name["cut.dcm"], *data).stdout
    assert "truncated" in shown
    assert "kept copy" in shown
    h.run("quarantine", "show", 99, *data, check=4)
    h.run("quarantine", "retry", *data, check=2)
    h.run("quarantine", "drop", 1, "--all", *data, check=2)
    h.run("quarantine", "drop", by_name["cut.dcm"], 99, *data, check=4)
    assert len(archive.quarantine()) == 2, "an unknown number changes nothing"
    retried = h.run("quarantine", "retry", "--all", "--collection", "X", *data, check=3).stdout
    assert f"{by_name['good.dcm']}: stored" in retried
    assert f"{by_name['cut.dcm']}: stays in quarantine" in retried
    assert archive.objects() == archive.referenced()
    assert "1 dropped" in h.run("quarantine", "drop", "--all", *data).stdout
    assert "Nothing is in quarantine" in h.run("quarantine", "list", *data).stderr
    assert archive.objects() == archive.referenced()
    assert archive.counts()["instances"] == 1
    assert (source / "cut.dcm").exists()


def test_a_conflict_can_be_resolved_by_another_collection(
    archive: Any, source: Path, h: SimpleNamespace
) -> None:
    from filmroom.ingest.quarantine import read_copy, retry
    from filmroom.store import open_store

    h.write_series(source / "a")
    archive.ingest(source / "a", collection="RIGHT")
    h.write(source / "b" / "4.dcm", h.dataset(number=4))
    archive.ingest(source / "b", collection="WRONG")
    with archive.catalog as catalog:
        (item,) = catalog.quarantine()
    assert read_copy(open_store(archive.address.store_url), item) == (source / "b" / "4.dcm").read_bytes()
    (source / "b" / "4.dcm").unlink()
    (still,) = retry(archive.address, [item.id])
    assert still.outcome.outcome == "quarantined"
    assert archive.objects() == archive.referenced()
    (now,) = retry(archive.address, [item.id], collection="RIGHT")
    assert now.outcome.outcome == "stored"
    assert archive.quarantine() == []
    (content,) = archive.contents()
    assert (content.collection, len(content.instances)) == ("RIGHT", 4)
    assert archive.objects() == archive.referenced()


def test_collection_commands(
    archive: Any, source: Path, h: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive.chosen(monkeypatch)
    table = tmp_path / "terms.csv"
    table.write_text(
        "\ufeffcollection,licence,licence_url,doi,description,third_party,access\n"
        'LUNG,CC BY 4.0,,10.7937/abc,"A <b>text</b>, with comma",no,\n'
        "SECRET,Local terms,https://example.org/terms,,,,restricted\n",
        encoding="utf-8",
    )
    assert "2 of them new" in h.run("collection", "import", table, *data).stdout
    for name in ("LUNG", "SECRET"):
        h.write_series(source / name, name)
    report = h.run("ingest", *data, "--collection-from", "folder", source).stdout
    assert "LUNG: 3 files, public, new series at visibility 1, licence CC BY 4.0" in report
    assert "SECRET: 3 files, restricted" in report
    assert {c.collection: c.licence_name for c in archive.contents()} == {
        "LUNG": "CC BY 4.0",
        "SECRET": "Local terms",
    }
    h.run("collection", "set", "LUNG", "--licence", "CC BY-NC 3.0", "--access", "restricted", *data)
    listed = h.run("collection", "list", "--format", "csv", *data).stdout
    rows = {row["collection"]: row for row in csv.DictReader(io.StringIO(listed))}
    assert rows["LUNG"]["licence"] == "CC BY-NC 3.0"
    assert rows["LUNG"]["doi"] == "https://doi.org/10.7937/abc"
    assert rows["LUNG"]["access"] == "restricted"
    table.write_text(listed, encoding="utf-8")
    h.run("collection", "import", table, *data)
    assert h.run("collection", "list", "--format", "csv", *data).stdout == listed
    assert "LUNG" in h.run("collection", "list", *data).stdout
    h.run("collection", "set", "NOWHERE", "--licence", "MIT", *data, check=4)
    h.run("collection", "set", "LUNG", *data, check=2)
    h.run("collection", "set", "LUNG", "--access", "secret", *data, check=2)
    h.run("collection", "set", "LUNG", "--doi", "", *data, check=2)
    h.run("collection", "set", "FRESH", "--create", "--third-party", *data)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "header"),
        ("name,licence\nA,MIT\n", "header"),
        ("collection,colour\nA,red\n", "colour"),
        ("collection,licence,licence\nA,MIT,MIT\n", "twice"),
        ("collection,licence\nA,MIT\nA,MIT\n", "line 3"),
        ("collection,doi\nA,10.1/x\nB,not a doi\n", "line 2"),
        ("collection,access\nA,public\nB,open\n", "line 3"),
        ("collection,third_party\nA,perhaps\n", "line 2"),
        ("collection,licence_url\nA,https://example.org/\n", "name"),
        ("collection,licence,licence_url\nA,Own,javascript:alert(1)\n", "https"),
        ("collection,licence\nA,MIT,surplus\n", "cells"),
        ('collection\n"A\n', "line"),
        ("collection\nA//B\n", "//"),
        ("collection,description\nA,a\0b\n", ""),
    ],
)
def test_a_bad_table_changes_nothing(source: Path, text: str, told: str) -> None:
    table = source / "terms.csv"
    table.write_bytes(text.encode())
    with pytest.raises(InvalidInput) as caught:
        read_collection_table(table)
    assert told in str(caught.value)


def test_a_table_that_is_no_text(source: Path) -> None:
    (source / "x.csv").write_bytes(b"collection\n\xff\xfe\n")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_collection_table(source / "x.csv")
    with pytest.raises(InvalidInput, match="Cannot read"):
        read_collection_table(source)


def test_terms_of_a_fresh_archive(archive: Any, source: Path) -> None:
    from filmroom.catalog import Catalog

    (source / "x.csv").write_text("collection,licence\nA,CC0\n\nB,\n")
    with Catalog.create(archive.address.database_url) as catalog:
        assert apply_terms(catalog, read_collection_table(source / "x.csv"), create=True) == ["A", "B"]
        assert [(c.name, c.licence, c.access) for c in catalog.collections()] == [
            ("A", "CC0 1.0", "public"),
            ("B", None, "public"),
        ]


def test_licences_are_known_by_their_names() -> None:
    for licence in LICENCES:
        assert find_licence(licence.short_name) is licence
        assert find_licence(licence.long_name.upper()) is licence
        assert known_licence(licence.url.replace("https", "http")) is licence
        assert licence.commercial_use is ("NonCommercial" not in licence.long_name)
    assert len({licence.short_name for licence in LICENCES}) == len(LICENCES)
    assert find_licence("cc-by-4.0").long_name == "Creative Commons Attribution 4.0 International License"
    assert known_licence("CC BY") is None, "a version is never guessed"
    own = find_licence("TCIA No Commercial Limited Access License", "https://example.org/x")
    assert (own.commercial_use, own.url) == (False, "https://example.org/x")
    assert find_licence("Own terms").commercial_use is True
    for name, url in (("", ""), ("x" * 201, ""), ("a\nb", ""), ("Own", "ftp://x"), ("Own", "https://a b")):
        with pytest.raises(InvalidInput):
            find_licence(name, url)


@pytest.mark.parametrize(
    "text",
    [
        "10.7937/K9/TCIA.2016.x",
        "doi:10.7937/K9/TCIA.2016.x",
        "DOI: 10.7937/K9/TCIA.2016.x",
        "https://doi.org/10.7937/K9/TCIA.2016.x",
        "http://dx.doi.org/10.7937/K9%2FTCIA.2016.x",
    ],
)
def test_dois_become_addresses(text: str) -> None:
    assert doi_address(text) == "https://doi.org/10.7937/K9/TCIA.2016.x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11.7937/x",
        "10.7937",
        "https://example.org/10.7937/x",
        "10.7937/a b",
        "10.7937/\0",
        "10.7937/" + "x" * 600,
    ],
)
def test_what_is_no_doi(text: str) -> None:
    with pytest.raises(InvalidInput):
        doi_address(text)
