"""Files of a series that are not DICOM: added, listed, taken out, on either pair of catalogue and store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.errors import IdentityConflict, InvalidInput, NotFound
from filmroom.ingest.series_files import add_files, remove_files
from filmroom.model.access import VisibleSet
from filmroom.model.queries import FindSeries
from filmroom.store import open_store
from filmroom.upkeep import FsckOptions, check_archive


class Filled:
    """An archive with one series."""

    def __init__(self, archive: Any, folder: Path) -> None:
        self.address = archive.address
        self.folder = folder
        folder.mkdir()
        with self.catalog() as catalog:
            (page,) = catalog.rows(FindSeries(), VisibleSet())
            self.uid = page[0]["series_instance_uid"]

    def catalog(self) -> Catalog:
        return Catalog.open(self.address.database_url)

    def file(self, name: str, data: bytes = b"data") -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def add(self, *paths: Path, kind: Any = "other", uid: str = "") -> list[bool]:
        return [added.is_new for added in add_files(self.address, uid or self.uid, paths, kind)]

    def contents(self) -> dict[str, bytes]:
        with self.catalog() as catalog:
            files = catalog.series_files().of(self.uid)
        store = open_store(self.address.store_url)
        return {file.name: b"".join(store.read(file.location.key)) for file in files}

    def row(self) -> dict[str, Any]:
        with self.catalog() as catalog:
            (page,) = catalog.rows(FindSeries(), VisibleSet())
        return page[0]

    def keys(self) -> set[str]:
        return set(open_store(self.address.store_url).keys())

    def fsck(self, **options: Any) -> list[tuple[str, str]]:
        found: list[Any] = []
        check_archive(self.address, FsckOptions(**{"grace": 0.0, **options}), found.append)
        return [(finding.kind, finding.state) for finding in found]


@pytest.fixture
def filled(archive: Any, source: Path, h: SimpleNamespace, tmp_path: Path) -> Filled:
    h.write_series(source)
    archive.ingest(source)
    return Filled(archive, tmp_path / "files")


def test_they_are_kept_and_told_of(filled: Filled) -> None:
    before = filled.row()
    assert before["annotations_flag"] is None
    large = os.urandom(9 << 20)
    paths = [filled.file("scan.log", b""), filled.file("Größe, zweite.csv", large)]
    assert filled.add(*paths) == [True, True]
    assert filled.row() == before
    assert filled.add(filled.file("a.xml", b"<a/>"), kind="annotation") == [True]
    assert filled.contents() == {"a.xml": b"<a/>", "scan.log": b"", "Größe, zweite.csv": large}
    assert filled.row() == {**before, "annotations_flag": True}
    assert filled.fsck() == []


def test_the_same_again_is_nothing_to_do(filled: Filled) -> None:
    path = filled.file("a.xml")
    assert filled.add(path, path) == [True, False]
    keys = filled.keys()
    assert filled.add(path) == [False]
    assert filled.keys() == keys


def test_a_name_stands_for_one_file(filled: Filled) -> None:
    filled.add(filled.file("a.xml"))
    keys = filled.keys()
    with pytest.raises(IdentityConflict, match="other bytes"):
        filled.add(filled.file("a.xml", b"other"))
    with pytest.raises(IdentityConflict, match="already stands for"):
        filled.add(filled.file("A.XML"))
    with pytest.raises(IdentityConflict, match="of kind other"):
        filled.add(filled.file("a.xml"), kind="annotation")
    assert filled.contents() == {"a.xml": b"data"}
    assert filled.keys() == keys


def test_they_go_with_their_bytes(filled: Filled) -> None:
    keys = filled.keys()
    filled.add(filled.file("a.xml"), filled.file("b.xml", b"bb"), kind="annotation")
    with pytest.raises(NotFound, match=r"no file 'c\.xml'"):
        remove_files(filled.address, filled.uid, ["a.xml", "c.xml"])
    assert set(filled.contents()) == {"a.xml", "b.xml"}
    remove_files(filled.address, filled.uid, ["a.xml"])
    assert filled.contents() == {"b.xml": b"bb"}
    assert filled.row()["annotations_flag"] is True
    remove_files(filled.address, filled.uid, ["b.xml"])
    assert filled.row()["annotations_flag"] is None
    assert filled.keys() == keys
    assert filled.add(filled.file("a.xml", b"new")) == [True]


def test_an_unknown_series(filled: Filled) -> None:
    keys = filled.keys()
    for act in (
        lambda: filled.add(filled.file("a.xml"), uid="1.9"),
        lambda: remove_files(filled.address, "1.9", ["a.xml"]),
    ):
        with pytest.raises(NotFound, match=r"no series 1\.9"):
            act()
    assert filled.keys() == keys


@pytest.mark.parametrize(
    "name",
    [
        *("LICENSE", "license", "MD5Hashes.CSV", "1-01.dcm", "x.DCM"),
        *("con", "NUL.xml", "a:b", "a|b", 'a"b', "a\\b", "a\nb", "a\u202eb", "a.", " a", "a" * 201),
    ],
)
def test_names_that_cannot_be_delivered(filled: Filled, name: str) -> None:
    keys = filled.keys()
    good = filled.file("good.xml")
    with pytest.raises(InvalidInput):
        filled.add(good, filled.folder / name)
    # Names are looked at before anything is done.
    assert filled.contents() == {}
    assert filled.keys() == keys


def test_what_is_no_file_to_add(filled: Filled, source: Path) -> None:
    dicom = filled.file("dicom.bin", next(source.iterdir()).read_bytes())
    pipe = filled.folder / "pipe"
    os.mkfifo(pipe)
    for path, what in (
        (dicom, "is DICOM"),
        (pipe, "Not a regular file"),
        (filled.folder, "Not a regular file"),
        (filled.folder / "absent", "cannot be read"),
    ):
        with pytest.raises(InvalidInput, match=what):
            filled.add(path)
    assert filled.contents() == {}


KILLED = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from filmroom.ingest.series_files import add_files
from filmroom.settings import ArchiveAddress

where, database, store, uid, path, instant = sys.argv[1:]
touched = False

@event.listens_for(Engine, "before_cursor_execute")
def statement(connection, cursor, text, *rest):
    global touched
    if "INSERT INTO series_file" in text:
        touched = True
        if instant == "insert":
            os._exit(9)

@event.listens_for(Engine, "commit")
def commit(connection):
    if touched:
        os._exit(9)

list(add_files(ArchiveAddress(Path(where), database, store), uid, [Path(path)], "annotation"))
"""


@pytest.mark.parametrize("instant", ["insert", "commit"])
def test_killed_between_bytes_and_row(filled: Filled, instant: str) -> None:
    """Bytes come first: what a kill leaves is an object that nobody knows, and that fsck takes away."""
    path, keys, before = filled.file("a.xml"), filled.keys(), filled.row()
    where = filled.address
    address = [str(where.data), where.database_url, where.store_url]
    done = subprocess.run([sys.executable, "-c", KILLED, *address, filled.uid, path, instant], check=False)
    assert done.returncode == 9
    assert filled.contents() == {}
    assert filled.row() == before
    assert len(filled.keys() - keys) == 1
    assert filled.fsck(repair=True) == [("orphan", "mended")]
    assert filled.keys() == keys
    assert filled.add(path, kind="annotation") == [True]
    assert filled.fsck() == []


def test_what_fsck_says_of_them(filled: Filled) -> None:
    filled.add(filled.file("a.xml", b"first"), kind="annotation")
    filled.add(filled.file("b.log", b"second"))
    filled.add(filled.file("c.log", b"third"))
    store = open_store(filled.address.store_url)
    with filled.catalog() as catalog:
        places = {file.name: file.location for file in catalog.series_files().of(filled.uid)}
    store.delete(places["a.xml"].key)
    for name, content in (("b.log", b"secund"), ("c.log", b"third")):
        store.delete(places[name].key)
        store.write(places[name].key, [content])
    expected = [("series-file", "left"), ("series-file", "left")]
    # A store whose times are whole seconds may not tell that it was written again.
    if store.stat(places["c.log"].key).modified_ns != places["c.log"].modified_ns:
        expected.append(("changed-time", "mended"))
    assert filled.fsck(repair=True) == expected
    remove_files(filled.address, filled.uid, ["a.xml", "b.log"])
    filled.add(filled.folder / "a.xml", filled.folder / "b.log")
    assert filled.fsck() == []


def test_the_commands(
    filled: Filled, archive: Any, h: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive.chosen(monkeypatch)
    path, other = filled.file("a.xml", b"<a/>"), filled.file("b.log")
    assert "has none" in h.run("series", "files", filled.uid, *data).stderr
    added = h.run("series", "add-file", filled.uid, path, "--annotation", *data).stdout
    assert added == "a.xml: added (4 B)\n"
    h.run("series", "add-file", filled.uid, other, *data)
    assert "already there" in h.run("series", "add-file", filled.uid, other, *data).stdout
    listed = json.loads(h.run("series", "files", filled.uid, "--format", "json", *data).stdout)
    assert [(f["name"], f["kind"], f["size"]) for f in listed] == [
        ("a.xml", "annotation", 4),
        ("b.log", "other", 4),
    ]
    other.write_bytes(b"changed")
    h.run("series", "add-file", filled.uid, other, *data, check=1)
    h.run("series", "add-file", "1.9", other, *data, check=4)
    h.run("series", "add-file", filled.uid, filled.folder / "LICENSE", *data, check=2)
    assert h.run("series", "remove-file", filled.uid, "a.xml", *data).stdout == "a.xml: removed\n"
    h.run("series", "remove-file", filled.uid, "a.xml", *data, check=4)
