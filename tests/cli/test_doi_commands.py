"""The commands ``doi``: one record per dataset, its versions, and its terms for series."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import PUBLIC, VisibleSet
from filmroom.model.queries import FindValues
from filmroom.settings import ArchiveAddress
from filmroom.testing.commands import run_filmroom
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

CREATOR = "Doe, Jane; 0000-0002-1825-0097; University of Somewhere"
PAGE = "https://archive.example.org/ct"
SUBJECT = "CT phantoms"


class Terminal:
    """Runs the commands with one archive."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("FILMROOM_")]:
            patch.delenv(name)
        patch.setenv("FILMROOM_DATA", str(folder / "archive"))

    @property
    def address(self) -> ArchiveAddress:
        return ArchiveAddress.resolve(self.folder / "archive")

    def run(self, code: int, *words: str, stdin: str = "", **more: str) -> SimpleNamespace:
        with self._patch.context() as patch:
            for name, value in more.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            return run_filmroom("doi", *words, check=code)

    def say(self, *words: str, stdin: str = "", **more: str) -> str:
        return str(self.run(0, *words, stdin=stdin, **more).stdout)

    def fails(self, code: int, *words: str, stdin: str = "", **more: str) -> str:
        return str(self.run(code, *words, stdin=stdin, **more).stderr)

    def shown(self, doi: str) -> dict[str, Any]:
        return dict(json.loads(self.say("show", doi, "--format", "json")))

    def new(self, *words: str, **more: str) -> str:
        """Make a record; return its DOI."""
        return self.say("create", *words, **more).partition(" ")[0]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """An archive with the collection PHANTOM and the repository DEMO.ARCHIVE."""
    made = Terminal(tmp_path, monkeypatch)
    options = IngestOptions(Rules(collection="PHANTOM"), 1)
    ingest_paths(made.address, sample_files("Demo-MR")[:2], options)
    with Catalog.open(made.address.database_url) as catalog:
        catalog.set_collection("PHANTOM", description="<p>Phantoms &amp; <b>more</b></p>")
        catalog.doi_repositories().add("DEMO.ARCHIVE", "Demo Archive", prefixes=["10.5072"])
    return made


def test_from_a_collection_to_a_record_that_everybody_finds(terminal: Terminal) -> None:
    doi = terminal.new(
        "PHANTOM",
        "--creator",
        CREATOR,
        "--creator",
        "Phantom Consortium",
        "--licence",
        "CC BY 4.0",
        "--title",
        SUBJECT,
    )
    draft = terminal.shown(doi)
    assert draft["titles"] == [{"title": SUBJECT}, {"title": "PHANTOM", "titleType": "AlternativeTitle"}]
    assert draft["identifiers"] == [{"identifier": "PHANTOM", "identifierType": "TCIA Short Name"}]
    assert draft["descriptions"] == [{"description": "Phantoms & more", "descriptionType": "Abstract"}]
    assert draft["publisher"] == {"name": "Demo Archive"}
    assert draft["rightsList"][0]["rightsIdentifier"] == "cc-by-4.0"
    assert [each["name"] for each in draft["creators"]] == ["Doe, Jane", "Phantom Consortium"]
    assert draft["creators"][0]["nameIdentifiers"][0]["nameIdentifier"].endswith("0000-0002-1825-0097")
    assert draft["url"] is None

    told = terminal.fails(2, "publish", doi)
    assert "url: Can't be blank" in told
    assert "FILMROOM_PUBLIC_URL" in told
    assert "is changed" in terminal.say("edit", doi, "--url", PAGE)
    assert "is as it was" in terminal.say("edit", doi, "--url", PAGE)
    assert terminal.say("publish", doi) == f"{doi} is findable.\n"
    assert [each["dateType"] for each in terminal.shown(doi)["dates"]] == ["Issued"]
    assert "<title>CT phantoms</title>" in terminal.say("show", doi, "--format", "xml")
    [row] = json.loads(terminal.say("list", "--format", "json"))
    assert (row["doi"], row["state"], row["short_name"], row["title"]) == (
        doi,
        "findable",
        "PHANTOM",
        SUBJECT,
    )

    assert "only drafts can be deleted" in terminal.fails(2, "delete", doi)
    assert terminal.say("hide", doi, "--reason", "withdrawn") == f"{doi} is registered.\n"
    assert terminal.shown(doi)["reason"] == "withdrawn"
    assert terminal.say("publish", doi) == f"{doi} is findable.\n"


def test_a_page_of_this_archive_where_its_address_is_known(terminal: Terminal) -> None:
    doi = terminal.new("PHANTOM", FILMROOM_PUBLIC_URL="https://images.example.org/")
    assert terminal.shown(doi)["url"] == f"https://images.example.org/doi/{doi}"
    assert terminal.say("delete", doi) == f"{doi} is deleted.\n"
    assert "There is no record" in terminal.fails(4, "show", doi)


def test_what_cannot_be_is_told_and_changes_nothing(terminal: Terminal) -> None:
    doi = terminal.new("PHANTOM", "--creator", CREATOR, "--url", PAGE)
    terminal.say("publish", doi)
    before = terminal.shown(doi)
    (terminal.folder / "bad.yaml").write_text("titles: [Just a text]\npublicationYear: soon\n")
    told = terminal.fails(2, "edit", doi, "bad.yaml")
    assert "titles: Title 'Just a text' should be an object instead of a string." in told
    assert "publicationYear: " in told
    for content, part in (
        ("titles: [", "neither YAML nor JSON"),
        ("- a\n- b\n", "holds no record"),
        ("a: &a [x]\nb: [*a]\n", "neither YAML nor JSON"),
        ("titles: []\n", "titles: "),
        ("url: 'javascript:alert(1)'\n", "URL is not valid"),
    ):
        assert part in terminal.fails(2, "edit", doi, "-", stdin=content)
    for words, part in (
        (("--creator", "Doe, Jane; 0000-0002-1825-0098"), "Not an ORCID iD"),
        (("--related", "IsFriendOf 10.5072/x"), "no relation 'IsFriendOf'"),
        (("--related", "IsDerivedFrom x"), "Not a DOI"),
        (("--licence-url", "https://example.org"), "licence's name"),
        (("--funder", ""), "A funder is"),
        (("--year", "26"), "publicationYear"),
        ((), "no terminal for an editor"),
    ):
        assert part in terminal.fails(2, "edit", doi, *words)
    assert "no record" in terminal.fails(4, "edit", "10.5072/none", "--year", "2020")
    assert "no collection" in terminal.fails(4, "create", "NOWHERE")
    assert "No repository has the prefix" in terminal.fails(2, "create", "PHANTOM", "--prefix", "10.9999")
    assert "No repository may write this" in terminal.fails(2, "create", "--doi", "10.9999/x")
    assert "already been taken" in terminal.fails(2, "create", "--doi", doi)
    assert terminal.shown(doi) == before


def test_a_record_as_a_file_there_and_back(terminal: Terminal) -> None:
    doi = terminal.new("PHANTOM", "--creator", CREATOR, "--url", PAGE)
    text = terminal.say("show", doi)
    assert "is as it was" in terminal.say("edit", doi, "-", stdin=text)
    assert "is changed" in terminal.say("edit", doi, "-", stdin=text + "version: 1.10\nlanguage: en\n")
    found = terminal.shown(doi)
    assert (found["version"], found["language"]) == ("1.10", "en")  # no number, and not rounded
    whole = json.dumps({"data": {"attributes": {"subjects": [{"subject": "Lung"}]}}})
    terminal.say("edit", doi, "-", stdin=whole)
    assert terminal.shown(doi)["subjects"] == [{"subject": "Lung"}]
    made = terminal.new("--file", "-", "--doi", "10.5072/From.File", stdin=text)
    assert terminal.shown(made)["creators"] == found["creators"]


def test_in_the_editor_of_a_person(terminal: Terminal) -> None:
    doi = terminal.new(
        "PHANTOM", "--creator", CREATOR, "--url", PAGE, "--funder", "NCI; https://ror.org/040gcmg81; 7"
    )
    assert terminal.shown(doi)["fundingReferences"][0]["awardNumber"] == "7"
    script = terminal.folder / "editor.py"
    script.write_text(
        "import pathlib, sys, yaml\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "found = yaml.safe_load(place.read_text())\n"
        "found['titles'] = [{'title': 'By hand'}]\n"
        "del found['fundingReferences']\n"
        "place.write_text(yaml.safe_dump(found))\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", "doi", "edit", doi],
        env={**os.environ, "EDITOR": f"{sys.executable} {script}", "VISUAL": ""},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(ours), os.close(theirs)
    assert done.returncode == 0, done
    found = terminal.shown(doi)
    assert (found["titles"], found["fundingReferences"]) == ([{"title": "By hand"}], [])


def test_versions_name_each_other(terminal: Terminal) -> None:
    first = terminal.new("PHANTOM", "--creator", CREATOR, "--url", PAGE)
    terminal.say("publish", first)
    second = terminal.say("version", first, "2").partition(" ")[0]
    draft = terminal.shown(second)
    older = {"relatedIdentifier": first, "relatedIdentifierType": "DOI", "relationType": "IsNewVersionOf"}
    assert (draft["version"], draft["dates"], draft["relatedIdentifiers"]) == ("2", [], [older])
    assert draft["creators"] == terminal.shown(first)["creators"]
    assert terminal.shown(first)["relatedIdentifiers"] == []  # nobody is led to a draft
    terminal.say("publish", second)
    newer = {
        "relatedIdentifier": second,
        "relatedIdentifierType": "DOI",
        "relationType": "IsPreviousVersionOf",
    }
    assert terminal.shown(first)["relatedIdentifiers"] == [newer]
    terminal.say("publish", second)
    assert terminal.shown(first)["relatedIdentifiers"] == [newer]
    assert "is version 2.1" in terminal.say("version", second, "2.1", "--same-doi")
    found = terminal.shown(second)
    assert (found["version"], [each["dateType"] for each in found["dates"]]) == ("2.1", ["Issued", "Updated"])


def test_terms_reach_series_when_asked_and_access_never_follows(
    terminal: Terminal, fetch_json: Callable[[str], Any]
) -> None:
    doi = terminal.new("PHANTOM", "--creator", CREATOR, "--licence", "CC BY-NC 4.0", "--url", PAGE)
    terminal.say("publish", doi)
    path = "/nbia-api/services/v1/getSeries?Collection=PHANTOM"
    with running_server(terminal.address) as url:
        before = fetch_json(url + path)
        assert {each.get("CollectionURI") for each in before} <= {None, ""}
        [row] = json.loads(terminal.say("apply", doi, "--dry-run", "--format", "json"))
        assert (row["collection"], row["series"], row["new_licence"]) == (
            "PHANTOM",
            len(before),
            "CC BY-NC 4.0",
        )
        assert fetch_json(url + path) == before
        assert json.loads(terminal.say("apply", doi, "--format", "json")) == [row]
        after = fetch_json(url + path)
        assert {each["CollectionURI"] for each in after} == {f"https://doi.org/{doi}"}
        assert {each["LicenseName"] for each in after} == {"CC BY-NC 4.0"}
        assert json.loads(terminal.say("apply", doi, "--format", "json")) == []
        # Whatever a record says of its rights, and whatever state it is in: it opens and closes nothing.
        with Catalog.open(terminal.address.database_url) as catalog:
            [collection] = catalog.collections()
            assert collection.description == "Phantoms & more"
            for access, seen in (("restricted", 0), ("public", len(before))):
                catalog.set_collection("PHANTOM", access=access)
                for rights in ("NIH Controlled Data Access Policy", "CC BY 4.0"):
                    terminal.say("edit", doi, "--licence", rights)
                    terminal.say("apply", doi)
                    for command in ("hide", "publish"):
                        terminal.say(command, doi)
                        assert len(fetch_json(url + path)) == seen
                        found = [
                            row
                            for page in catalog.rows(FindValues("collection"), VisibleSet(PUBLIC))
                            for row in page
                        ]
                        assert len(found) == (1 if seen else 0)
            recorded = _changes(catalog, f"doi {doi}")
    assert len(recorded) == 6
    assert json.loads(recorded[0])["applied to"][0]["collection"] == "PHANTOM"


def _changes(catalog: Catalog, subject: str) -> list[str]:
    import sqlalchemy as sa

    from filmroom.catalog.schema import change

    with catalog._database.reading() as connection:
        statement = sa.select(change.c.detail).where(change.c.subject == subject).order_by(change.c.id)
        return list(connection.scalars(statement))


@pytest.fixture
def fetch_json() -> Callable[[str], Any]:
    from urllib.request import urlopen

    def fetch(url: str) -> Any:
        with urlopen(url, timeout=60) as answer:
            return json.loads(answer.read() or b"[]")

    return fetch


def test_series_take_one_licence(terminal: Terminal) -> None:
    doi = terminal.new("PHANTOM", "--creator", CREATOR, "--url", PAGE)
    rights = json.dumps({"rightsList": [{"rights": "MIT License"}, {"rights": "Another"}]})
    terminal.say("edit", doi, "-", stdin=rights)
    assert "several licences" in terminal.fails(2, "apply", doi)
    other = terminal.new("--title", "Of nothing here")
    assert "No collection is called" in terminal.fails(4, "apply", other)
    terminal.say("apply", other, "-c", "PHANTOM")


def test_an_analysis_result_keeps_its_own_series(terminal: Terminal) -> None:
    with Catalog.open(terminal.address.database_url) as catalog:
        import sqlalchemy as sa

        from filmroom.catalog.schema import series

        with catalog._database.writing() as connection:
            chosen = connection.scalar(sa.select(sa.func.min(series.c.id)))
            values = {"third_party_analysis": "YES", "description_uri": "https://doi.org/10.5072/Analysis"}
            connection.execute(sa.update(series).where(series.c.id == chosen).values(values))
    analysis = terminal.new("--doi", "10.5072/analysis", "--licence", "MIT", "--title", "Masks")
    data = terminal.new("PHANTOM", "--licence", "CC BY 4.0", "--creator", CREATOR)
    [row] = json.loads(terminal.say("apply", data, "--format", "json"))
    others = row["series"]
    [row] = json.loads(terminal.say("apply", analysis, "--format", "json"))
    assert (row["series"], row["new_licence"]) == (1, "MIT")
    with Catalog.open(terminal.address.database_url) as catalog, catalog._database.reading() as connection:
        statement = sa.select(series.c.licence_name, sa.func.count()).group_by(series.c.licence_name)
        assert dict(map(tuple, connection.execute(statement))) == {"MIT": 1, "CC BY 4.0": others}


@pytest.mark.shared
def test_records_of_others_are_imported_and_stay_theirs(terminal: Terminal, shared_datacite: Path) -> None:
    assert terminal.say("import", str(shared_datacite / "records")) == "13 new, 0 changed, 0 as they were.\n"
    assert terminal.say("import", str(shared_datacite / "records")) == "0 new, 0 changed, 13 as they were.\n"
    assert "read-only" in terminal.fails(2, "edit", "10.7937/s17z-r072", "--title", "Mine")
    for command in ("publish", "hide", "delete"):
        assert "read-only" in terminal.fails(2, command, "10.7937/s17z-r072")


def _mirrored(doi: str) -> dict[str, Any]:
    moment = "2020-01-01T00:00:00.000Z"
    attributes = {"doi": doi, "state": "findable", "created": moment, "updated": moment}
    return {"attributes": attributes, "relationships": {"client": {"data": {"id": "demo.archive"}}}}


def test_imports_that_cannot_be(terminal: Terminal) -> None:
    own = terminal.new("--doi", "10.5072/own")
    for name, content, part in (
        ("a.json", "{", "is not JSON"),
        ("b.json", "[1]", "no record of DataCite"),
        ("c.json", json.dumps({"data": {"attributes": {"doi": own}}}), "cannot be imported"),
        ("d.json", json.dumps({"data": _mirrored(own)}), "this archive's own"),
    ):
        (terminal.folder / name).write_text(content)
        assert part in terminal.fails(2, "import", name)
    assert "Cannot read" in terminal.fails(2, "import", "none.json")
    (terminal.folder / "empty").mkdir()
    assert "no .json file" in terminal.fails(2, "import", "empty")


def test_repositories_by_hand(terminal: Terminal) -> None:
    password = "correct horse battery\n"
    made = terminal.say(
        "repository",
        "add",
        "SECOND.ONE",
        "--name",
        "Second",
        "--domain",
        "*.example.org",
        "--password-stdin",
        stdin=password,
    )
    assert made == "Repository SECOND.ONE made.\n"
    terminal.say("repository", "prefix", "second.one", "10.12345")
    terminal.say("repository", "set", "second.one", "--name", "Renamed", "--inactive")
    listed = {
        each["symbol"]: each for each in json.loads(terminal.say("repository", "list", "--format", "json"))
    }
    second = listed["SECOND.ONE"]
    assert (second["name"], second["prefixes"], second["active"]) == ("Renamed", "10.12345", "no")
    assert (second["writers"], second["domains"]) == ("second.one", "*.example.org")
    for words, part in (
        (("add", "second.one", "--name", "x"), "already"),
        (("add", "nothing", "--name", "x"), "symbol looks like"),
        (("add", "a.b", "--name", "x", "--prefix", "11.1"), "DOI prefix"),
        (("add", "a.b", "--name", "x", "--domain", "https://x"), "A domain is"),
        (("set", "second.one"), "Nothing to set"),
        (("writer", "second.one"), "--repository SYMBOL or --all"),
    ):
        assert part in terminal.fails(2, "repository", *words)
    assert "no repository" in terminal.fails(4, "repository", "prefix", "none.such", "10.5072")
    assert "no account" in terminal.fails(4, "repository", "writer", "nobody", "--all")
    terminal.say("repository", "writer", "second.one", "--all")
    terminal.say("repository", "writer", "second.one", "--repository", "SECOND.ONE", "--remove")
    listed = {
        each["symbol"]: each for each in json.loads(terminal.say("repository", "list", "--format", "json"))
    }
    assert listed["DEMO.ARCHIVE"]["writers"] == "second.one"


def test_suffixes_and_names_as_the_settings_say(terminal: Terminal) -> None:
    made = terminal.new("PHANTOM", FILMROOM_DOI_SUFFIX="Ours.{year}.{short_name}")
    assert re.fullmatch(r"10\.5072/ours\.20\d\d\.phantom", made)
    told = terminal.fails(2, "create", "PHANTOM", FILMROOM_DOI_SUFFIX="Ours.{year}.{short_name}")
    assert "already been taken" in told
    assert "Not a template" in terminal.fails(2, "create", "PHANTOM", FILMROOM_DOI_SUFFIX="{x}")
    kind = {"FILMROOM_DOI_SHORT_NAME_TYPE": "Local name"}
    other = terminal.new("PHANTOM", "--licence", "MIT", **kind)
    assert terminal.shown(other)["identifiers"] == [{"identifier": "PHANTOM", "identifierType": "Local name"}]
    [row] = json.loads(terminal.say("apply", other, "--format", "json", **kind))
    assert row["new_licence"] == "MIT"


def test_what_a_dataset_is_derived_from_knows_of_it(terminal: Terminal) -> None:
    source = terminal.new("PHANTOM", "--creator", CREATOR, "--url", PAGE)
    result = terminal.new("--title", "Masks", "--publisher", "Us", "--creator", CREATOR, "--url", PAGE)
    terminal.say("edit", result, "--related", f"IsDerivedFrom https://doi.org/{source.upper()}")
    assert terminal.shown(source)["relatedIdentifiers"] == []
    assert "types: " in terminal.fails(2, "publish", result)
    terminal.say("edit", result, "-", stdin="types: {resourceTypeGeneral: Dataset}")
    terminal.say("publish", result)
    back = {"relatedIdentifier": result, "relatedIdentifierType": "DOI", "relationType": "IsSourceOf"}
    assert terminal.shown(source)["relatedIdentifiers"] == [back]


def test_texts_that_nothing_can_keep(terminal: Terminal) -> None:
    doi = terminal.new("PHANTOM")
    for name, value in (("version", "a\0b"), ("titles", [{"title": "\x07"}]), ("reason", "\ud800")):
        assert f"{name}: Is invalid" in terminal.fails(2, "edit", doi, "-", stdin=json.dumps({name: value}))
    assert "titles: Is invalid" in terminal.fails(2, "edit", doi, "--title", "a\x01b")
