"""A snapshot of a server answers as the server does, before and after a change of it, and nobody else's."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hashlib
import itertools
import json
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa

from filmroom import AsyncClient, Client, errors
from filmroom.catalog import Catalog, facets
from filmroom.catalog.schema import series as series_table
from filmroom.catalog.simple_search_changes import record_patients
from filmroom.cli.app import main
from filmroom.client import Days, Equipment, Range, SimpleSearch, SyncProgress, TimePoint
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.model.entities import Assignment, IncomingInstance, Licence, Location, ReadInstance
from filmroom.model.search import SortField
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server

HASTY = RetryPolicy(attempts=4, first_wait=0.01, longest_wait=0.05)
CC_BY = Licence(
    "Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"
)


def instance(number: int, *, collection: str | None = None, patient: str | None = None) -> IncomingInstance:
    """Return the one object of series ``1.2.<number>``, of a variety that differs with the number."""
    collection = collection or ("Alpha", "Beta", "Gamma")[number % 3]
    study = f"1.1.{('Alpha', 'Beta', 'Gamma', 'Delta', 'Two').index(collection)}.{number // 3 % 4}"
    fields: dict[str, Any] = {
        "sop_instance_uid": f"1.3.{number}",
        "series_instance_uid": f"1.2.{number}",
        "study_instance_uid": study,
        "patient_id": patient or f"{collection}-{number // 3 % 2}",
        "patient_name": f"Doe^{number % 3}",
        "patient_sex": (None, "F")[number // 3 % 2],
        "ethnic_group": ("A", None)[number // 3 % 2],
        "species_code": (None, "448771007")[number // 3 % 2],
        "species_description": (None, "Canis lupus familiaris")[number // 3 % 2],
        "qc_subject": ("YES", None)[number // 3 % 2],
        "modality": ("CT", "MR", "SEG", "ct")[number % 4],
        "body_part_examined": ("CHEST", None, "Chest", "ABDOMEN")[number % 4],
        "manufacturer": ("SIEMENS", "Siemens", None, "GE")[number // 2 % 4],
        "manufacturer_model_name": (None, "Sensation 16", "SENSATION 16")[number % 3],
        "software_versions": (None, "v1", "v2")[number % 3],
        "series_desc": ("Thorax  routine", 'say "T2-weighted"', None, "Schädel },{ a")[number % 4],
        "protocol_name": (None, "Knee")[number % 2],
        "study_desc": ("Follow up", None, "Straße")[number % 3],
        "study_id": f"S{number % 3}",
        "study_date": dt.date(2020, 1, 1 + number // 3 % 4),
        "series_date": dt.date(2020, 2, 1 + number % 20),
        "series_number": float(number),
        "patient_age": ("030Y", "006M", None, "junk")[number // 3 % 4],
        "admitting_diagnoses_desc": (None, "none")[number // 3 % 2],
        "longitudinal_event_type": (None, "DIAGNOSIS")[number // 3 % 2],
        "longitudinal_offset": (None, 30.5)[number // 3 % 2],
        "pixel_spacing": (0.5, None, 0.75)[number % 3],
        "slice_thickness": (1.25, 5.0)[number % 2],
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
    }
    content = b"x" * (number + 1)
    read = ReadInstance(
        values={name: value for name, value in fields.items() if value is not None},
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=len(content),
        md5=hashlib.md5(content).digest(),
        sha256=hashlib.sha256(content + str(number).encode()).digest(),
        crc32=1,
    )
    location = Location(f"ab/cd/{number}.dcm", 0, len(content), len(content))
    given = Assignment(
        collection,
        f"{collection} {number // 6 % 2}" if collection == "Two" else collection,
        CC_BY,
        description_uri=f"https://doi.org/10.7937/{collection}",
        third_party_analysis=number % 5 == 0,
    )
    return IncomingInstance(read, given, location, f"/data/{number}.dcm")


@dataclass(frozen=True)
class Served:
    """A server, its catalogue, and where snapshots of it are put."""

    url: str
    catalog: Catalog
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "snapshot.sqlite"

    def add(self, *numbers: int, **where: str) -> None:
        self.catalog.commit_batch(None, [instance(number, **where) for number in numbers])

    def drop(self, *uids: str) -> None:
        """Take series out of sight, as an administrator does."""
        chosen = series_table.c.series_instance_uid.in_(uids)
        with self.catalog._database.writing() as connection:
            keys = set(connection.scalars(sa.select(series_table.c.patient_key).where(chosen)))
            before = facets.contributions(connection, keys)
            connection.execute(sa.update(series_table).where(chosen).values(visibility=0))
            facets.apply(connection, before, facets.contributions(connection, keys))
            record_patients(connection, keys)

    def client(self, **options: Any) -> Client:
        return Client(self.url, retry=HASTY, **options)


@contextmanager
def serving(address: ArchiveAddress, folder: Path) -> Iterator[Served]:
    with running_server(address) as url, Catalog.open(address.database_url) as catalog:
        made = Served(url, catalog, folder)
        made.add(*range(40))
        yield made


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with serving(ArchiveAddress.resolve(tmp_path / "archive"), tmp_path) as made:
        yield made


# every question both ways -------------------------------------------------------------------------------
TEXTS = {
    "collection": ("Alpha", "bETA", "", "nothing"),
    "patient_id": ("Alpha-0", "alpha-1", "nobody"),
    "study_instance_uid": ("1.1.0.0", "1.1.9"),
    "series_instance_uid": ("1.2.7", "9.9"),
    "modality": ("CT", "seg", "XX", ""),
    "body_part_examined": ("chest", "Abdomen", ""),
    "manufacturer": ("siemens", "GE", ""),
    "manufacturer_model_name": ("sensation 16", "nothing"),
}
DAYS = tuple(dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days) for days in (-3, 3))


def by(*names: str) -> Iterator[dict[str, str]]:
    """Yield the ways to filter by one of some fields, by each two of them, and by none."""
    yield {}
    for name in names:
        yield from ({name: value} for value in TEXTS[name])
    for one, other in itertools.combinations(names, 2):
        yield {one: TEXTS[one][0], other: TEXTS[other][0]}
        yield {one: TEXTS[one][1], other: TEXTS[other][1]}


def searches() -> Iterator[SimpleSearch]:
    many: dict[str, tuple[Any, ...]] = {
        "collections": (("alpha", "Gamma"),),
        "species": (("337915000",), ("448771007",)),
        "modalities": (("CT", "MR"), ("SEG",)),
        "body_parts": (("NOT SPECIFIED",), ("chest",)),
        "sexes": (("F",), ("Null",)),
        "equipment": (
            (Equipment("Siemens"),),
            (Equipment("SIEMENS", "Sensation 16"), Equipment("GE", "", "")),
            (Equipment(""),),
        ),
        "released": ((Days(*DAYS),), (Days(DAYS[1], None),)),
        "ages": ((Range(0.0, 1.0),), (Range(30.0, 30.0),)),
        "pixel_spacings": ((Range(0.5, 0.5),), (Range(0.6, None),)),
        "slice_thicknesses": ((Range(None, 2.0),),),
        "descriptions": (
            ("thorax",),
            ("T2-weighted",),
            ('"follow up"',),
            ("kn*",),
            ("STRASSE",),
            ("schädel",),
        ),
        "patient_ids": (("alpha-*",), ("beta-1",)),
        "study_instance_uids": (("1.1.0.*",), ("1.1.1.1",)),
        "series_instance_uids": (("1.2.1*",), ("1.2.3",)),
        "more_studies_than": ((1,), (5,)),
        "more_study_dates_than": ((1,), (9,)),
        "phantoms": ((True,), (False,), (True, False)),
        "third_party": ((True,), (False,)),
        "time_points": ((TimePoint("DIAGNOSIS", Range(10, 40)),), (TimePoint("BIRTH", Range(0, 1)),)),
    }
    yield SimpleSearch()
    for name, values in many.items():
        yield from (SimpleSearch(**{name: value}) for value in values)
    yield SimpleSearch(modalities=("CT", "MR"), all_modalities=True)
    yield SimpleSearch(modalities=("CT",), sexes=("F",), body_parts=("ABDOMEN",))


def questions(api: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "collections", {}
    yield from (("modalities", how) for how in by("collection", "body_part_examined"))
    yield from (("body_parts", how) for how in by("collection", "modality"))
    yield from (("manufacturers", how) for how in by("collection", "modality", "body_part_examined"))
    yield from (("patients", how) for how in by("collection", "patient_id"))
    yield from (("patients", how) for how in by("collection", "modality") if len(how) == 2)
    yield from (("studies", how) for how in by("collection", "patient_id", "study_instance_uid"))
    yield from (("series", how) for how in by(*TEXTS))
    for day in DAYS:
        yield "updated_series", {"since": day}
        yield "new_patients", {"collection": "alpha", "since": day}
        yield "new_studies", {"collection": "Beta", "since": day}
        yield "new_studies", {"collection": "Beta", "since": day, "patient_id": "beta-1"}
    yield from (("series_size", {"series_instance_uid": f"1.2.{number}"}) for number in (0, 7, 9999))
    for of in ("collection", "species_code"):
        yield "counts", {"of": of}
    yield from (("counts", {"of": "modality", **how}) for how in by("collection", "body_part_examined"))
    yield from (("counts", {"of": "body_part_examined", **how}) for how in by("collection", "modality"))
    filters = ("collection", "modality", "body_part_examined")
    yield from (("counts", {"of": "manufacturer", **how}) for how in by(*filters))
    yield "collection_descriptions", {}
    yield "collection_descriptions", {"collection": "Alpha"}
    yield "licences", {}
    if api == "v4":
        yield "series_records", {"series": [f"1.2.{number}" for number in (5, 3, 9999, 3, *range(50))]}
        for criteria in searches():
            yield "search", {"criteria": criteria, "size": None}
            yield "search_series", {"criteria": criteria}
        # Of pages the order counts; that of one patient at two sites is by the server's own numbers.
        plain = SimpleSearch(collections=("Alpha", "Beta", "Gamma"), modalities=("CT", "SEG"))
        for sort in get_args(SortField):
            for descending in (False, True):
                page = {"start": 1, "size": 3, "sort": sort, "descending": descending}
                yield "search", {"criteria": plain, **page}


def answer(client: Client, name: str, how: dict[str, Any]) -> Any:
    """Return an answer in full, or the kind of error, without the numbers that are the server's own."""
    try:
        found = getattr(client, name)(**how)
    except errors.FilmroomError as error:
        return type(error)
    if name == "search":
        rows = [
            {
                **row,
                "id": 0,
                "studies": sorted((len(one.series), sorted(one.modalities)) for one in row["studies"]),
            }
            for row in map(vars_of, found.patients)
        ]
        return rows if "start" in how else sorted(rows, key=repr), found.summary
    if name == "search_series":
        return sorted(found)
    return found.to_dicts() if hasattr(found, "to_dicts") else found


def vars_of(record: Any) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}


def differences(found: Any, expected: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a person who reads the failure wants to see of two tables."""
    if isinstance(found, tuple) and isinstance(expected, tuple):
        yield from differences(found[0], expected[0])
        found, expected = [vars_of(found[1])], [vars_of(expected[1])]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for one, other in zip(found, expected, strict=True):
            if isinstance(one, dict) and isinstance(other, dict):
                yield from ((a, b) for a, b in itertools.zip_longest(one.items(), other.items()) if a != b)


def assert_alike(served: Served, api: Any = "v4", **options: Any) -> None:
    with (
        served.client(api=api, **options) as online,
        served.client(api=api, snapshot=served.file, **options) as offline,
    ):
        answered = 0
        for name, how in questions(api):
            expected = answer(online, name, how)
            found = answer(offline, name, how)
            assert found == expected, (name, how, list(differences(found, expected)))
            answered += bool(expected) and expected is not errors.NotFound
        assert answered > 80


def test_every_question_both_ways(archive_address: ArchiveAddress, tmp_path: Path) -> None:
    with serving(archive_address, tmp_path) as served:
        # A patient of two sites counts twice.
        served.add(*range(200, 212), collection="Two")
        synced_and_changed(served, "v4")


def test_a_server_of_before(served: Served) -> None:
    synced_and_changed(served, "v1")


def synced_and_changed(served: Served, api: Any) -> None:
    with served.client(api=api) as client:
        report = client.sync(served.file)
        assert (report.added, report.removed, report.full) == (report.info.series, 0, True)
        assert report.info.series == len(client.series())
        assert_alike(served, api)
        # The catalogue changes: more of what is there, something new, and something gone.
        served.add(*range(40, 46))
        served.add(100, 101, collection="Delta")
        gone = {"1.2.4", "1.2.20", *(f"1.2.{number}" for number in range(2, 40, 3))}
        served.drop(*gone)
        report = client.sync(served.file)
    assert (report.added, report.removed, report.full) == (8, len(gone), False)
    assert_alike(served, api)


# how it is made -------------------------------------------------------------------------------------------
def test_what_was_corrected_shows_with_a_full_one(served: Served) -> None:
    with served.client() as client:
        client.sync(served.file)
        with served.catalog._database.writing() as connection:
            chosen = series_table.c.series_instance_uid == "1.2.3"
            connection.execute(sa.update(series_table).where(chosen).values(series_desc="Corrected"))
        again = client.sync(served.file)
        assert (again.added, again.removed, again.full) == (0, 0, False)
        full = client.sync(served.file, full=True)
        assert (full.added, full.removed, full.full) == (40, 0, True)
        assert_alike(served)


def test_a_series_that_grows(served: Served) -> None:
    """A series that grows is released anew: its size changes, its study's counts do not."""
    with served.client() as client:
        client.sync(served.file)
        [before] = client.series(series_instance_uid="1.2.3")
        more = instance(3)
        values = {**more.instance.values, "sop_instance_uid": "1.3.3.1"}
        read = dataclasses.replace(more.instance, values=values, sha256=b"\1" * 32)
        served.catalog.commit_batch(None, [dataclasses.replace(more, instance=read)])
        [after] = client.series(series_instance_uid="1.2.3")
        assert after.image_count == (before.image_count or 0) + 1
        client.sync(served.file)
        with served.client(snapshot=served.file) as offline:
            assert list(offline.series(series_instance_uid="1.2.3")) == [after]
            assert offline.series_size("1.2.3").count == after.image_count


def test_an_interrupted_one_goes_on(served: Served) -> None:
    """Interrupted after the first collection; the next call asks for the others alone."""

    def stop(now: SyncProgress) -> None:
        if now.collections_done == 1:
            raise KeyboardInterrupt

    def listed(now: SyncProgress) -> None:
        states.append(now)

    states: list[SyncProgress] = []
    with served.client() as client:
        with pytest.raises(KeyboardInterrupt):
            client.sync(served.file, progress=stop)
        assert not served.file.exists()
        report = client.sync(served.file, progress=listed)
        assert report.resumed
        assert 0 < states[-1].series < report.info.series == 40
        assert not client.sync(served.file).resumed
    assert_alike(served)
    assert sorted(path.name for path in served.folder.glob("snapshot*")) == [
        "snapshot.sqlite",
        "snapshot.sqlite.lock",
    ]


def test_one_that_is_cancelled_goes_on(served: Served) -> None:
    async def cancelled() -> None:
        async with AsyncClient(served.url) as client:
            begun = asyncio.Event()
            loop = asyncio.get_running_loop()

            def tell(now: SyncProgress) -> None:
                if now.collections_done == 1:
                    loop.call_soon_threadsafe(begun.set)
                    cancelling.wait()

            task = asyncio.create_task(client.sync(served.file, progress=tell))
            await begun.wait()
            task.cancel()
            await asyncio.sleep(0)
            cancelling.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    cancelling = threading.Event()
    asyncio.run(cancelled())
    assert not served.file.exists()
    with served.client() as client:
        assert client.sync(served.file).resumed
    assert_alike(served)


def test_who_reads_meanwhile_reads_on(served: Served) -> None:
    """A snapshot is replaced at once: who has it open keeps the old one, who opens it gets the new one."""
    with served.client() as client:
        client.sync(served.file)
        with served.client(snapshot=served.file) as before:
            assert len(before.series()) == 40
            served.add(40)
            client.sync(served.file)
            assert len(before.series()) == 40
            with served.client(snapshot=served.file) as after:
                assert len(after.series()) == 41


def test_a_failing_server_leaves_the_old_one(served: Served, old_nbia: Any) -> None:
    with served.client() as client:
        client.sync(served.file)
    content = served.file.read_bytes()
    for fault in ("status:500", "status:503"):
        old_nbia.table, old_nbia.faults = b"[]", [fault] * 20
        with Client(old_nbia.url, retry=HASTY) as broken, pytest.raises(errors.ServerError):
            broken.sync(served.file)
    assert served.file.read_bytes() == content


@pytest.mark.parametrize(
    "wrong",
    [
        {"ImageCount": 10**30},
        {"SeriesDescription": "\\ud800"},
        {"SeriesInstanceUID": None},
        {"StudyDate": "x"},
    ],
)
def test_a_hostile_server(old_nbia: Any, tmp_path: Path, wrong: dict[str, Any]) -> None:
    row = {
        "Collection": "A",
        "PatientId": "P",
        "StudyInstanceUID": "1.1",
        "SeriesInstanceUID": "1.2",
        **wrong,
    }
    old_nbia.table = json.dumps([row]).replace("\\\\ud800", "\\ud800").encode()
    with Client(old_nbia.url, retry=HASTY) as client, pytest.raises(errors.BadAnswer):
        client.sync(tmp_path / "snapshot.sqlite")
    assert not (tmp_path / "snapshot.sqlite").exists()


def test_two_at_once(served: Served) -> None:
    def again(now: SyncProgress) -> None:
        with served.client() as other, pytest.raises(errors.ArchiveInUse):
            other.sync(served.file)

    with served.client() as client:
        assert client.sync(served.file, progress=again).info.series == 40


def test_a_full_disk_is_said(served: Served) -> None:
    with served.client() as client, pytest.raises(errors.StoreError):
        client.sync("/proc/nothing/snapshot.sqlite")


# whose it is ----------------------------------------------------------------------------------------------
def test_a_login_has_its_own(served: Served) -> None:
    served.catalog.set_collection("Beta", access="restricted")
    served.catalog.accounts().add("alice", "correct horse battery")
    served.catalog.grants().add(Grant("Beta", None, Role.READ.value, user="alice"))
    alice = {"login": "alice", "password": "correct horse battery"}
    with served.client() as anybody, served.client(**alice) as her:
        ours, hers = anybody.sync(), her.sync()
        again = her.sync()
    assert ours.info.path != hers.info.path
    assert (ours.info.account, hers.info.account) == ("", "login alice")
    assert (ours.info.collections, hers.info.collections, again.added) == (2, 3, 0)
    for each in (ours, hers):
        assert stat.S_IMODE(each.info.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(each.info.path.parent.stat().st_mode) == 0o700
    assert b"correct horse" not in hers.info.path.read_bytes()
    with served.client(snapshot=True) as anybody, served.client(snapshot=True, **alice) as her:
        assert anybody.collections() == ["Alpha", "Gamma"]
        assert her.collections() == ["Alpha", "Beta", "Gamma"]
        # The server tells the public's changes alone, whoever asks.
        with pytest.raises(errors.NotOffline):
            her.updated_series(dt.date(2020, 1, 1))
    for options in ({}, {"login": "bob", "password": "x"}, {"token": "abc"}):
        with pytest.raises(errors.InvalidInput, match="who asks now"):
            served.client(snapshot=hers.info.path, **options)
    with pytest.raises(errors.NotFound, match="no snapshot"):
        served.client(snapshot=True, token="abc")
    with pytest.raises(errors.InvalidInput, match="is of"):
        Client("http://127.0.0.1:1", snapshot=ours.info.path)
    with pytest.raises(errors.InvalidInput, match="version v4"):
        served.client(snapshot=ours.info.path, api="v1")
    with Client(snapshot=ours.info.path) as client:
        assert client.base_url == served.url


def test_what_is_no_snapshot(served: Served) -> None:
    other = served.folder / "other.sqlite"
    other.write_bytes(b"SQLite format 3\0" + bytes(4000))
    with pytest.raises(errors.InvalidInput, match="no snapshot"):
        Client(snapshot=other)
    with sqlite3.connect(served.file) as connection:
        connection.execute("CREATE TABLE about (name, value)")
    connection.close()
    with pytest.raises(errors.InvalidInput, match="no snapshot"):
        Client(snapshot=served.file)
    with served.client() as client:
        assert client.sync(served.file).full  # it is made anew in that place
    with Client(snapshot=served.file) as client, pytest.raises(errors.InvalidInput):
        client.sync()


def test_what_only_the_server_can_answer(served: Served) -> None:
    with served.client() as client:
        client.sync(served.file)
    with served.client(snapshot=served.file) as offline:
        for name, how in (
            ("instances", {"series_instance_uid": "1.2.3"}),
            ("digest", {"sop_instance_uid": "1.3.3"}),
            ("series_metadata", {"series_instance_uid": "1.2.3"}),
            ("tags", {"series_instance_uid": "1.2.3"}),
            ("text_search", {"text": "thorax"}),
            ("search", {"criteria": SimpleSearch(commercial_only=True)}),
            ("agreements", {}),
            ("shared_list", {"name": "mine"}),
            ("download", {"series": "1.2.3", "path": served.folder / "got"}),
        ):
            with pytest.raises(errors.NotOffline) as refused:
                getattr(offline, name)(**how)
            assert refused.value.advice, name
        [planned] = offline.plan("1.2.3", served.folder / "got")
        assert planned.promise is not None
        assert planned.promise.bytes == 4
    assert not (served.folder / "got").exists()


def test_no_network_is_needed(served: Served) -> None:
    """The server of the snapshot is gone, and an event loop asks."""
    with served.client() as client:
        info = client.sync(served.file).info
        expected = client.series(collection="Alpha")
    gone = served.folder / "gone.sqlite"
    gone.write_bytes(served.file.read_bytes())
    with sqlite3.connect(gone) as connection:
        connection.execute("UPDATE about SET value = 'http://127.0.0.1:1' WHERE name = 'server'")
    connection.close()
    assert info.age < dt.timedelta(hours=1)
    assert "old" in info.age_in_words or info.age_in_words == "just taken"

    async def ask() -> Any:
        async with AsyncClient(snapshot=gone) as client:
            return await asyncio.gather(*(client.series(collection="Alpha") for _ in range(20)))

    assert asyncio.run(ask()) == [expected] * 20


def test_commands(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", served.url)

    def run(*words: str, code: int = 0) -> tuple[Any, str]:
        monkeypatch.setattr(sys, "argv", ["filmroom", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert (ended.value.code or 0) == code, told.err
        return json.loads(told.out) if "json" in words else told.out, told.err

    _, said = run("series", "--offline", code=4)
    assert "filmroom sync" in said
    [made], _ = run("sync", "--format", "json")
    assert (made["series"], made["added"], made["server"]) == (40, 40, served.url)
    assert "(+0, -0)" in run("sync")[0]
    for words in (
        ("collections",),
        ("patients", "--collection", "Alpha"),
        ("studies", "--collection", "beta"),
        ("series", "--modality", "MR"),
        ("counts", "modality"),
        ("download", "--collection", "Alpha", "--dry-run"),
    ):
        found, said = run(*words, "--offline", "--format", "json")
        assert found == run(*words, "--format", "json")[0], words
        assert found
        assert f"From the snapshot of {served.url}" in said
    assert run("search", "--modality", "MR", "--offline", "--format", "json")[0]
    assert "--dry-run" in run("download", "1.2.3", "--offline", code=2)[1]
    assert "cannot answer" in run("search", "thorax", "--offline", code=1)[1]
