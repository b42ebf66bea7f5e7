"""Citations of selections, manifests and downloads of a real archive with DOI records; then offline."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from filmroom.catalog import Catalog
from filmroom.cli.app import app
from filmroom.cli.errors import exit_code_for
from filmroom.client import Client
from filmroom.client.citations import Citations, CitedData, LicenceUse, licence_use
from filmroom.client.datacite import Datacite, StoredRecord, StoredRecords
from filmroom.client.receipt import Receipt, write_receipt
from filmroom.errors import InvalidInput, NotFound, ServerUnreachable
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.doi_metadata import complete
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.model.entities import Licence, SeriesContent
from filmroom.model.policy import Attribution, find_licence
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.store.series_zip import licence_text
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom
from filmroom.testing.samples import sample_files
from filmroom.wire.datacite.record import Record

KNOWN, UNKNOWN = "10.5072/demo-ct", "10.5072/demo-mr"
CITED = "Doe, J. (2026). Slices of CT (Version 2) [Dataset]. Example Archive. https://doi.org/10.5072/DEMO-CT"
NOWHERE = "http://127.0.0.1:9"
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.05)


@dataclass
class House:
    """An archive that is served, how to reach it, and where copies lie."""

    url: str
    client: Client
    uids: dict[str, list[str]]

    def datacite(self, folder: Path) -> Datacite:
        """Nothing is to be had of DataCite here: whatever is found is the archive's."""
        return Datacite(NOWHERE, stored=StoredRecords(folder), retry=QUICK)


def described(doi: str, title: str) -> DoiRecord:
    return DoiRecord(
        doi=doi,
        client="demo.archive",
        state=DoiState.FINDABLE,
        url="https://archive.example.org/x",
        created=dt.datetime(2026, 1, 1),
        attributes=complete(
            {
                "creators": [{"name": "Doe, Jane", "givenName": "Jane", "familyName": "Doe"}],
                "titles": [{"title": title}],
                "publisher": "Example Archive",
                "publicationYear": 2026,
                "types": {"resourceTypeGeneral": "Dataset"},
                "version": "2",
                "rightsList": [{"rights": "Creative Commons Attribution 4.0 International"}],
            }
        ),
    )


def filled(address: ArchiveAddress, folder: Path) -> None:
    """Put three collections into an archive: with a record, with a DOI without one, without any DOI."""
    for collection, licence, doi in (
        ("Demo-CT", find_licence("CC BY 4.0"), f"https://doi.org/{KNOWN}"),
        ("Demo-MR", find_licence("CC BY-NC-SA 4.0"), f"https://doi.org/{UNKNOWN.upper()}"),
    ):
        rules = Rules(collection=collection, licence=licence, description_uri=doi)
        ingest_paths(address, sample_files(collection), IngestOptions(rules, processes=1))
    write_phantom(folder)
    own = Licence("House rules", "House rules", "https://archive.example.org/rules")
    ingest_paths(address, [folder], IngestOptions(Rules(collection="Plain", licence=own), processes=1))
    with Catalog.open(address.database_url) as catalog:
        catalog.dois().put_many([described(KNOWN, "Slices of CT")], actor="test")


@pytest.fixture(scope="module")
def house(module_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    filled(module_address, tmp_path_factory.mktemp("phantom"))
    with running_server(module_address) as url, Client(url, retry=QUICK) as client:
        uids = {
            name: [s.series_instance_uid for s in client.series(collection=name)]
            for name in client.collections()
        }
        yield House(url, client, uids)


@pytest.fixture
def cite(house: House, tmp_path: Path) -> Any:
    def cited(**what: Any) -> Citations:
        with house.datacite(tmp_path / "dois") as datacite:
            return house.client.cite(**what, datacite=datacite)

    return cited


def test_a_collection(cite: Any, house: House) -> None:
    citations = cite(collections=["Demo-CT"])
    (data,) = citations.data
    assert (data.doi, data.series, data.collections) == (KNOWN, len(house.uids["Demo-CT"]), ("Demo-CT",))
    assert data.found.source == f"{house.url}/datacite"
    assert citations.licences == (
        LicenceUse("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", data.series, "cc-by-4.0"),
    )
    assert (citations.restrictions, citations.notes, citations.also) == ((), (), ())
    assert citations.text().startswith(f"Data\n----\n{CITED}\n\nLicences\n--------\n- ")
    citations.raise_for_missing()
    assert cite(collections="Demo-CT").text() == citations.text()
    assert cite(dois=KNOWN).text().startswith(f"Data\n----\n{CITED}\n")


def test_everything_of_an_archive(cite: Any, house: House) -> None:
    citations = cite(collections=["Demo-CT", "Demo-MR", "Plain"])
    assert [each.doi for each in citations.data] == [KNOWN, UNKNOWN, ""]
    text = citations.text()
    assert CITED in text
    assert f"https://doi.org/{UNKNOWN} (" in text
    assert f"{len(house.uids['Plain'])} series of Plain: no DOI is known" in text
    restrictions = " ".join(citations.restrictions)
    assert "not for commercial use, what is made from it comes under the same licence" in restrictions
    assert "House rules: own terms" in restrictions
    with pytest.raises((NotFound, ServerUnreachable)):
        citations.raise_for_missing()


def test_series_manifest_and_doi(cite: Any, house: House, tmp_path: Path) -> None:
    uid = house.uids["Demo-CT"][0]
    manifest = tmp_path / "list.tcia"
    manifest.write_text(f"ListOfSeriesToDownload=\n{uid}\n1.2.3.4.5\n")
    for what in (
        {"series": uid},
        {"series": [uid]},
        {"series": house.client.series(series_instance_uid=uid)},
    ):
        (data,) = cite(**what).data
        assert (data.doi, data.series) == (KNOWN, 1)
    by_manifest = cite(manifests=[manifest])
    assert by_manifest.data[0].doi == KNOWN
    assert by_manifest.notes == (
        "1 of 2 series are not known to the archive, or not shown; they are not cited.",
    )
    by_doi = cite(dois=[f"https://doi.org/{KNOWN.upper()}", f"doi:{KNOWN}"])
    assert [(each.doi, each.series) for each in by_doi.data] == [(KNOWN, 0)]
    assert by_doi.licences[0].source == "by the DOI record"
    assert len(cite(dois=[KNOWN], collections=["Demo-CT"]).data) == 1


def test_a_licence_of_the_record_that_is_not_that_of_the_series_is_told(cite: Any) -> None:
    use = cite(collections=["Demo-CT"])
    assert use.notes == ()
    assert licence_use("CC BY-NC 4.0", "").spdx == "cc-by-nc-4.0"


def test_a_download_online_and_offline(house: House, tmp_path: Path) -> None:
    target = tmp_path / "data"
    house.client.download([*house.uids["Demo-CT"], *house.uids["Plain"]], target).raise_for_failures()
    with house.datacite(tmp_path / "dois") as datacite:
        online = house.client.cite(folders=[target], datacite=datacite)
    assert [each.doi for each in online.data] == [KNOWN, ""]
    with Client(house.url, retry=QUICK) as client, house.datacite(tmp_path / "dois") as datacite:
        offline = client.cite(folders=[target], offline=True, datacite=datacite)
        assert CITED in offline.text()
        assert [(each.doi, each.series) for each in offline.data] == [
            (each.doi, each.series) for each in online.data
        ]
        assert any("is a copy" in note for note in offline.notes)
        assert any("was not asked" in note for note in offline.notes)
        with pytest.raises(NotFound):
            client.cite(collections=["Demo-MR"], offline=True, datacite=datacite)
    # Nothing is known but what lies in the folder: its licences.
    with house.datacite(tmp_path / "other") as datacite:
        bare = house.client.cite(folders=[target], offline=True, datacite=datacite)
    assert {each.name for each in bare.licences} == {each.name for each in online.licences}
    assert any("is not known" in note for note in bare.notes)
    assert {each.collections for each in bare.data} == {("Demo-CT",), ("Plain",)}


def test_formats(cite: Any) -> None:
    citations = cite(collections=["Demo-CT", "Demo-MR", "Plain"])
    assert citations.bibtex().count("@misc{https://doi.org/10.5072/") == 2
    assert "title = {Slices of CT}" in citations.bibtex()
    assert "title = {Data of Demo-MR}" in citations.bibtex()
    assert citations.ris().count("TY  - DATA") == 2
    assert [each["DOI"] for each in citations.csl()] == [KNOWN.upper(), UNKNOWN.upper()]
    assert json.loads(citations.csl_text()) == citations.csl()
    markdown = citations.markdown()
    assert markdown.startswith("## Data\n- Doe, J. (2026).")
    assert "\\[Dataset\\]" in markdown


def test_what_came_from_tcia_is_said_to(cite: Any, house: House) -> None:
    citations = cite(dois=["10.7937/k9/tcia.2015.lo9ql9sx"])
    assert [each.doi for each in citations.also] == ["10.1007/s10278-013-9622-7"]
    assert (
        "Clark, K., Vendt, B., Smith, K., Freymann, J., Kirby, J., Koppel, P., Moore, S., Phillips, S., "
        "Maffitt, D., Pringle, M., Tarbox, L., & Prior, F. (2013). The Cancer Imaging Archive (TCIA): "
        "Maintaining and Operating a Public Information Repository. Journal of Digital Imaging, 26(6), "
        "1045\u20131057." in citations.text()
    )
    assert any("data usage policy" in each for each in citations.attributions)
    assert citations.bibtex().count("@") == 2


def test_what_cannot_be_cited(cite: Any) -> None:
    for wrong in ({}, {"dois": ["no doi"]}, {"series": ["no uid"]}):
        with pytest.raises(InvalidInput):
            cite(**wrong)
    with pytest.raises(NotFound):
        cite(collections=["No-Such"])
    with pytest.raises(NotFound):
        cite(folders=["/no/such/folder"])


def test_hostile_texts_stay_texts() -> None:
    evil = "\x1b[31m\x9b[x](javascript:alert(1)) <script> *a*\n## b"
    record = Record({"doi": "10.1000/x", "titles": [{"title": evil}], "creators": [{"name": evil}]})
    stored = StoredRecord(record, "https://example.org", dt.datetime.now(dt.UTC))
    citations = Citations(
        (CitedData("10.1000/x", stored, 1, (evil,)), CitedData("", None, 1, (evil,), evil)),
        (licence_use(evil, "https://example.org/[x](javascript:y)", 2),),
        notes=(evil,),
        attributions=(evil,),
    )
    for written in (citations.text(), citations.markdown(), citations.bibtex()):
        assert not set(written) & {"\x1b", "\x9b"}
    assert "\n## b" not in citations.markdown()
    assert not re.search(r"(?<!\\)\](?=\()", citations.markdown())
    assert "<script" not in citations.markdown().replace("\\<script", "")


def test_an_agreement_of_restricted_series_is_named(tmp_path: Path) -> None:
    mirror = Attribution("Elsewhere", citation="us")
    receipts = {
        uid: licence_text(SeriesContent(uid, "A", "A", name, "https://x.example", (), agreement), origin)
        for uid, name, agreement, origin in (
            ("1.2.1", "CC BY 4.0", "", None),
            ("1.2.2", "Own", "Tell nobody.", None),
            ("1.2.3", "Own", "", mirror),
        )
    }
    (tmp_path / ".filmroom").mkdir()
    for uid, text in receipts.items():
        (tmp_path / uid).mkdir()
        receipt = Receipt(
            uid, NOWHERE, "v4", None, text.splitlines()[0], text, 1, 1, "2026-01-01T00:00:00+00:00", ()
        )
        write_receipt(tmp_path / ".filmroom" / f"{uid}.json", receipt)
    with (
        Client(NOWHERE, retry=QUICK) as client,
        Datacite(NOWHERE, stored=StoredRecords(tmp_path / "d")) as datacite,
    ):
        citations = client.cite(folders=[tmp_path], datacite=datacite, offline=True)
    assert (
        "1 series come under a data usage agreement: see the file LICENSE of each." in citations.restrictions
    )
    assert citations.attributions == ("These data are mirrored from Elsewhere. Please cite: us",)
    assert {(each.name, each.series) for each in citations.licences} == {("CC BY 4.0", 1), ("Own", 2)}


@pytest.fixture
def run(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``filmroom cite`` with the archive as DataCite."""
    monkeypatch.setenv("FILMROOM_DOI_SERVER", f"{house.url}/datacite")
    monkeypatch.setenv("FILMROOM_DOI_RECORDS", str(tmp_path / "dois"))
    monkeypatch.setenv("FILMROOM_SERVER", house.url)
    return lambda *words: CliRunner().invoke(app, ["cite", *map(str, words)])


def test_the_command(house: House, run: Callable[..., Result], tmp_path: Path) -> None:
    target = tmp_path / "data"
    house.client.download(house.uids["Demo-CT"][:1], target).raise_for_failures()
    manifest = tmp_path / "list.tcia"
    manifest.write_text(f"ListOfSeriesToDownload=\n{house.uids['Demo-CT'][0]}\n")
    for argument in (target, manifest, KNOWN, f"https://doi.org/{KNOWN}", house.uids["Demo-CT"][0]):
        done = run(argument)
        assert done.exit_code == 0, done.output
        assert CITED in done.stdout


def test_the_command_tells_what_is_missing(run: Callable[..., Result]) -> None:
    done = run("-c", "Demo-MR", "-c", "Plain", "--format", "bibtex", "--style", "no-such")
    assert isinstance(done.exception, NotFound)
    assert exit_code_for(done.exception) == 4
    assert str(done.exception).endswith(f"has no record of {UNKNOWN}.")
    assert done.stdout.startswith("@misc{https://doi.org/10.5072/demo-mr,")
    assert "The style 'no-such' is not installed" in done.stderr
    assert "have no DOI" in done.stderr
    for words in (("what is this",), ()):
        wrong = run(*words)
        assert isinstance(wrong.exception, InvalidInput)
        assert wrong.stdout == ""
