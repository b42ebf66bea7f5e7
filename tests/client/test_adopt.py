"""Folders that tcia_utils, the Data Retrievers, idc-index and nbiatoolkit make: compared, and mended."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.client import repair, verify
from filmroom.client.layout import SeriesPlace
from filmroom.client.layout import held as lock

LICENCE = "License Information. Test data, CC BY 4.0.\nDo as you please.\n"
COLLECTION, PATIENT, STUDY = "Coll A", "P1", "1.2.3"


def write(folder: Path, files: dict[str, bytes], licence: Path | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if licence is not None:
        licence.write_text(LICENCE)
    return folder


def tcia_utils(target: Path, series: Any) -> Path:
    folder = target / series.uid
    return write(
        folder, {f"1-{n}.dcm": data for n, data in enumerate(series.files.values(), 1)}, folder / "LICENSE"
    )


def java_classic(target: Path, series: Any) -> Path:
    folder = write(target / COLLECTION / PATIENT / STUDY / str(series.uid), series.files)
    write(folder, {}, target / COLLECTION / "LICENSE")
    (target / "metadata.csv").write_text(f"Series UID,Collection\r\n{series.uid},{COLLECTION}\r\n")
    return folder


def java_descriptive(target: Path, series: Any) -> Path:
    folder = target / COLLECTION / PATIENT / "01-01-2000-NA-NA-30178" / f"3.000000-Axial-{series.uid[-5:]}"
    return write(folder, series.files, target / COLLECTION / "LICENSE")


def go_retriever(target: Path, series: Any) -> Path:
    write(target / "metadata", {f"{series.uid}.json": json.dumps({"SeriesInstanceUID": series.uid}).encode()})
    return write(target / PATIENT / STUDY / series.uid, series.files)


def idc_index(target: Path, series: Any) -> Path:
    folder = target / "coll_a" / PATIENT / STUDY / f"CT_{series.uid}"
    return write(
        folder, {f"{uuid.uuid5(uuid.NAMESPACE_OID, name)}.dcm": data for name, data in series.files.items()}
    )


def nbiatoolkit(target: Path, series: Any) -> Path:
    """Names of one folder can be those of several series: the files lie side by side."""
    offset = int(series.uid.rpartition(".")[2]) * 10
    return write(
        target / PATIENT / "CT-3-00000",
        {f"{offset + n}.dcm": data for n, data in enumerate(series.files.values(), 1)},
    )


Program = Callable[[Path, Any], Path]
PROGRAMS = [tcia_utils, java_classic, java_descriptive, go_retriever, idc_index, nbiatoolkit]


@pytest.fixture
def second(old_nbia: Any) -> Any:
    return old_nbia.hold("1.2.3.6")


def contents(target: Path) -> dict[str, bytes]:
    return {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file() and ".filmroom" not in path.parts
    }


def states(target: Path, *client: Client) -> dict[str, str]:
    return {check.series_instance_uid: check.state for check in verify(target, *client).series}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_whole_is_taken_over_and_not_fetched_again(
    client: Client, old_nbia: Any, held: Any, second: Any, large: Any, tmp_path: Path, program: Program
) -> None:
    folders = {series.uid: program(tmp_path, series) for series in (held, second)}
    before = contents(tmp_path)
    assert states(tmp_path) == {held.uid: "no receipt", second.uid: "no receipt"}
    report = client.download([held.uid, second.uid, large.uid], tmp_path)
    report.raise_for_failures()
    assert {result.series_instance_uid: result.status for result in report.results} == {
        held.uid: "skipped",
        second.uid: "skipped",
        large.uid: "ok",
    }
    assert {result.series_instance_uid: result.path for result in report.skipped} == folders
    has_licence = program in {tcia_utils, java_classic, java_descriptive}
    assert {result.licence for result in report.skipped} == {LICENCE.splitlines()[0] if has_licence else None}
    assert len(old_nbia.archives_asked()) == 1
    assert {name: data for name, data in contents(tmp_path).items() if name in before} == before
    assert states(tmp_path) == {held.uid: "whole", second.uid: "whole", large.uid: "whole"}
    asked = len(old_nbia.requests)
    assert len(client.download([held.uid, second.uid, large.uid], tmp_path).skipped) == 3
    assert len(old_nbia.requests) == asked


@pytest.mark.parametrize("program", PROGRAMS)
def test_verify_compares_with_the_server_and_leaves_a_receipt(
    client: Client, held: Any, second: Any, tmp_path: Path, program: Program
) -> None:
    program(tmp_path, held)
    folder = program(tmp_path, second)
    victim = max(folder.glob("*.dcm"))
    victim.unlink()
    assert states(tmp_path) == {held.uid: "no receipt", second.uid: "no receipt"}
    report = verify(tmp_path, client)
    assert {check.series_instance_uid: check.state for check in report.series} == {
        held.uid: "whole",
        second.uid: "missing",
    }
    assert len(report.series[1].missing) == 1
    with pytest.raises(errors.VerificationFailed, match="1 of 2"):
        report.raise_for_damage()
    assert states(tmp_path) == {held.uid: "whole", second.uid: "no receipt"}


def damage(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 1
    path.write_bytes(raw)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


FAULTS = [damage, truncate, empty, Path.unlink]


@pytest.mark.parametrize(
    ("program", "fault", "mend"),
    [
        *[(program, fault, "download") for program in PROGRAMS for fault in FAULTS],
        *[(idc_index, fault, "repair") for fault in FAULTS],
    ],
)
def test_what_is_broken_is_mended(
    client: Client,
    old_nbia: Any,
    held: Any,
    tmp_path: Path,
    program: Program,
    fault: Callable[[Path], None],
    mend: str,
) -> None:
    folder = program(tmp_path, held)
    victim = min(folder.glob("*.dcm"))
    good = contents(tmp_path)
    fault(victim)
    if mend == "repair":
        repair(tmp_path, client).raise_for_failures()
    else:
        client.download(held.uid, tmp_path).raise_for_failures()
    assert states(tmp_path) == {held.uid: "whole"}
    found = contents(tmp_path)
    images = sorted(data for name, data in found.items() if name.endswith(".dcm"))
    assert images == sorted(held.files.values())
    assert all(
        name.startswith(folder.relative_to(tmp_path).as_posix()) for name in found if name.endswith(".dcm")
    )
    if fault in {damage, truncate}:
        assert found == good
    assert len(old_nbia.archives_asked()) == (1 if fault is empty else 0)
    assert [each.action for each in repair(tmp_path, client).series] == ["nothing"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_most_is_gone_the_series_is_fetched(
    client: Client, old_nbia: Any, held: Any, second: Any, tmp_path: Path, program: Program
) -> None:
    """And what is there of it does not stay beside it under other names; what is not of it stays."""
    program(tmp_path, second)
    there = contents(tmp_path)
    folder = program(tmp_path, held)
    (folder / "notes.txt").write_text("mine")
    mine = sorted(set(contents(tmp_path)) - set(there))
    for name in [name for name in mine if name.endswith(".dcm")][1:]:
        (tmp_path / name).unlink()
    client.download([held.uid, second.uid], tmp_path).raise_for_failures()
    assert len(old_nbia.archives_asked()) == 1
    found = contents(tmp_path)
    images = sorted(data for name, data in found.items() if name.endswith(".dcm"))
    assert images == sorted([*held.files.values(), *second.files.values()])
    assert found[(folder / "notes.txt").relative_to(tmp_path).as_posix()] == b"mine"
    assert states(tmp_path) == {held.uid: "whole", second.uid: "whole"}


def test_the_digest_of_the_series_is_enough_for_who_has_a_login(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    """Without one, where it is another one, or where nobody tells it, each image is asked for."""
    tcia_utils(tmp_path, held)
    digests = sorted(hashlib.md5(data).hexdigest() for data in held.files.values())
    right = hashlib.md5("".join(digests).encode()).hexdigest()
    with Client(old_nbia.url, token="somebody") as known:
        for asking, table, asked in (
            (known, right.encode(), 0),
            (known, b"0" * 32, 3),
            (known, None, 3),
            (client, right.encode(), 3),
        ):
            old_nbia.table = table
            old_nbia.requests.clear()
            assert states(tmp_path, asking) == {held.uid: "whole"}
            assert sum("MD5Hash" in path for path, _ in old_nbia.requests) == asked
            (tmp_path / ".filmroom" / f"{held.uid}.json").unlink()


def test_a_series_that_the_server_does_not_have(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    tcia_utils(tmp_path, held)
    del old_nbia.series[held.uid]
    (check,) = verify(tmp_path, client).series
    assert (check.state, "does not have this series" in check.message) == ("no receipt", True)
    assert isinstance(repair(tmp_path, client).failed[0].error, errors.NotFound)
    assert len(contents(tmp_path)) == 4


def test_a_series_that_has_changed_at_the_server(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    client.download(held.uid, tmp_path).raise_for_failures()
    old_nbia.series[held.uid] = type(held).made(held.uid, count=4)
    assert states(tmp_path) == {held.uid: "whole"}
    (check,) = verify(tmp_path, client).series
    assert (check.state, check.ok, "4 objects now" in check.message) == ("outdated", False, True)
    client.download(held.uid, tmp_path, overwrite=True).raise_for_failures()
    assert states(tmp_path, client) == {held.uid: "whole"}


def test_objects_that_are_there_twice_or_of_no_series(client: Client, held: Any, tmp_path: Path) -> None:
    folder = idc_index(tmp_path, held)
    first = min(folder.glob("*.dcm"))
    (folder / "a copy.dcm").write_bytes(first.read_bytes())
    damage(folder / "a copy.dcm")
    (folder / "stranger.dcm").write_bytes(b"no image")
    (tmp_path / "beside.dcm").write_bytes(first.read_bytes())
    assert states(tmp_path, client) == {held.uid: "whole"}
    (check,) = verify(tmp_path).series
    assert check.foreign == ("a copy.dcm", "stranger.dcm")


def test_one_that_somebody_works_on_is_left_alone(client: Client, held: Any, tmp_path: Path) -> None:
    tcia_utils(tmp_path, held)
    with lock(SeriesPlace(tmp_path, held.uid)):
        (check,) = verify(tmp_path, client).series
        assert (check.state, "Another process" in check.message) == ("no receipt", True)
        assert isinstance(client.download(held.uid, tmp_path).failed[0].error, errors.ArchiveInUse)
    assert client.download(held.uid, tmp_path).skipped


def test_a_link_out_of_the_folder_is_not_followed(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    elsewhere = idc_index(tmp_path / "elsewhere", held)
    target = tmp_path / "target"
    target.mkdir()
    (target / "link").symlink_to(elsewhere, target_is_directory=True)
    client.download(held.uid, target).raise_for_failures()
    assert len(old_nbia.archives_asked()) == 1
    assert (target / held.uid).is_dir()


def test_a_dry_run_says_that_it_is_to_be_compared(
    client: Client, held: Any, second: Any, tmp_path: Path
) -> None:
    java_classic(tmp_path, held)
    before = contents(tmp_path)
    plan = client.plan([held.uid, second.uid], tmp_path)
    assert [each.found is not None for each in plan] == [True, False]
    assert [each.bytes_left for each in plan] == [0, second.size]
    assert contents(tmp_path) == before
    assert not (tmp_path / ".filmroom").exists()


def test_against_the_real_server(real: Any, tmp_path: Path) -> None:
    files = {f"{n}.dcm": data for n, data in enumerate(real.large, 1)}
    folder = write(tmp_path / "P1" / "1.2.3" / real.large_uid, files)
    with Client(real.url) as client:
        assert states(tmp_path, client) == {real.large_uid: "whole"}
        damage(folder / "2.dcm")
        assert [each.action for each in repair(tmp_path, client).series] == ["files"]
    assert contents(folder) == files
