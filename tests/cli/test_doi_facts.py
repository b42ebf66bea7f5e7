"""The commands ``doi facts``: tables of what the pages of datasets say, read with care."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from filmroom.catalog import Catalog
from filmroom.cli.doi_facts import DATASET_COLUMNS
from filmroom.settings import ArchiveAddress
from filmroom.testing.commands import run_filmroom
from filmroom.testing.datasets import CLOSED, KIND, OPEN, RECORDS

DATASETS = """short_title,dataset_type,doi,url,subjects,program,cancer_types,date_updated
Open,Collection,10.5072/OPEN,https://example.org/open,20,Community,"Glioma; Lung Cancer; Glioma",2024-05-06
Closed,Analysis Result,,,,,,
"""
# Quotation marks around an address, and a search that is none: both stand in TCIA's own table.
DOWNLOADS = '''short_title,download_id,download_title,license_label,size_bytes,download_url,search_url
Open,41,Images,CC BY-NC 4.0,1000,"""https://example.org/a.tcia""",http:/// nonsense
'''


class Facts:
    """The commands, and what they left."""

    def __init__(self, address: ArchiveAddress) -> None:
        self.address = address

    def imported(self, text: str, code: int = 0, name: str = "table.csv") -> str:
        Path(name).write_text(text, encoding="utf-8")
        done = run_filmroom("doi", "facts", "import", name, check=code)
        return str(done.stderr if code else done.stdout)

    def said(self, doi: str) -> dict[str, object]:
        return dict(json.loads(run_filmroom("doi", "facts", "show", doi).stdout))

    def any(self) -> bool:
        with Catalog.open(self.address.database_url) as catalog:
            return any(each.record.doi == OPEN and each.facts for each in catalog.datasets(KIND).published())


@pytest.fixture
def facts(archive_address: ArchiveAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    with Catalog.create(archive_address.database_url) as catalog:
        catalog.dois().import_many(RECORDS, actor="test")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FILMROOM_DATABASE_URL", archive_address.database_url)
    return Facts(archive_address)


def test_tables_are_taken_in_and_nothing_twice(facts: Facts) -> None:
    assert "2 new, 0 changed, 0 as they were" in facts.imported(DATASETS)
    assert "0 new, 0 changed, 2 as they were" in facts.imported(DATASETS)
    assert "0 new, 1 changed, 0 as they were" in facts.imported(DOWNLOADS)
    said = facts.said(OPEN)
    assert said["cancer_types"] == ["Glioma", "Lung Cancer"]
    assert (said["subjects"], said["updated"], said["program"]) == (20, "2024-05-06", "Community")
    (download,) = said["downloads"]  # type: ignore[misc]
    assert download["url"] == "https://example.org/a.tcia"
    assert (download["search_url"], download["access"], download["size"]) == ("", "open_noncommercial", 1000)
    assert facts.said(CLOSED)["kind"] == "Analysis Result"
    # A table of datasets leaves downloads alone, one of downloads everything else.
    assert "0 new, 1 changed, 1 as they were" in facts.imported(DATASETS.replace("Community", "Other"))
    assert facts.said(OPEN)["downloads"] == [download]


MISTAKES = (
    ("title\nx\n", "no header line with the column 'short_title'"),
    ("short_title,nonsense\nOpen,x\n", "unknown columns: 'nonsense'"),
    ("short_title\nNobody\n", "line 2: No record has the short name 'Nobody'"),
    ("short_title,doi\nOpen,10.5072/absent\n", "There is no record of '10.5072/absent'"),
    ("short_title,doi\nOpen,no doi\n", "Not a DOI"),
    ("short_title,subjects\nOpen,-1\n", "line 2: Not a number: '-1'"),
    ("short_title,subjects\nOpen,99999999999999999999\n", "Not a number"),
    ("short_title,url\nOpen,javascript:alert(1)\n", "line 2: Not a web address"),
    ("short_title,url\nOpen,https://a b\n", "Not a web address"),
    ("short_title,date_updated\nOpen,2024-13-01\n", "line 2: Not a day"),
    ("short_title,dataset_type\nOpen,Thing\n", "dataset_type is one of"),
    ("short_title,description\nOpen,\x07\n", "none for control"),
    ("short_title,program\nOpen," + "x" * 1_001 + "\n", "at most 1000 printable characters"),
    ("short_title\nClosed\nOpen\nOpen\n", "occurs twice"),
    ("short_title,download_id\nOpen,0\n", "download_id is a number"),
    ("short_title,download_id\nOpen,2147483648\n", "download_id is a number"),
    ("short_title,download_id\nOpen,1\nOpen,1\n", "occurs twice"),
    ("short_title,download_id,size_bytes\nOpen,1,many\n", "Not a number"),
)


def test_a_table_with_a_mistake_changes_nothing(facts: Facts) -> None:
    for text, sentence in MISTAKES:
        assert sentence in facts.imported(text, code=2)
    assert not facts.any()


def test_what_is_said_can_be_taken_back(facts: Facts) -> None:
    facts.imported(DATASETS)
    assert facts.any()
    run_filmroom("doi", "facts", "remove", OPEN)
    assert not facts.any()
    for command in ("remove", "show"):
        assert "Nothing is said" in run_filmroom("doi", "facts", command, OPEN, check=4).stderr
        run_filmroom("doi", "facts", command, "no doi", check=2)


def test_the_tables_of_tcia(facts: Facts, shared_tables: Path) -> None:
    """All of TCIA's datasets: records of them, then what its pages say."""
    with (shared_tables / "collections.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) <= set(DATASET_COLUMNS)
    records = [
        {
            "id": row["doi"],
            "attributes": {
                "doi": row["doi"],
                "state": "findable",
                "identifiers": [{"identifier": row["short_title"], "identifierType": KIND}],
                "titles": [{"title": row["title"]}],
                "url": row["url"],
            },
            "relationships": {"client": {"data": {"id": "nihnci.tcia", "type": "clients"}}},
        }
        for row in rows
    ]
    Path("records.json").write_text(json.dumps({"data": records}))
    run_filmroom("doi", "import", "records.json")
    tables = [shared_tables / "collections.csv", shared_tables / "downloads.csv"]
    said = run_filmroom("doi", "facts", "import", *tables).stdout
    assert "299 new" in said
    with Catalog.open(facts.address.database_url) as catalog:
        published = [each for each in catalog.datasets(KIND).published() if each.facts]
    assert len(published) == 299
    assert sum(len(each.said.downloads) for each in published) == 711
