"""Downloads in every layout: where files lie, and that verify, repair and a second run find them there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.client import repair, verify
from filmroom.client.receipt import read_receipt
from filmroom.client.templates import NAMED


def images(target: Path) -> dict[str, bytes]:
    """Return the images below a folder by their path in it."""
    return {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in sorted(target.rglob("*.dcm"))
        if ".filmroom" not in path.parts
    }


def below(folder: str, series: Any) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in series.files.items()}


DETAILS = {
    "StudyDate": "20240307",
    "StudyID": "S/1",
    "StudyDescription": "Thorax",
    "SeriesNumber": "4",
    "SeriesDescription": "Axial",
}
LAYOUTS = {
    "flat": "1.2.3.4",
    "classic": "Coll A/P1/1.2.3/1.2.3.4",
    "descriptive": "Coll A/P1/03-07-2024-S-1-Thorax-1.2.3/4.000000-Axial-2.3.4",
    "idc": "coll_a/P1/1.2.3/CT_1.2.3.4",
    "%PatientID/%Modality-%SeriesNumber": "P1/CT-4",
}


def test_every_named_layout_is_tried() -> None:
    assert set(NAMED) < set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fetched_skipped_verified_and_repaired_there(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path, layout: str
) -> None:
    held.change(**DETAILS)
    expected = below(LAYOUTS[layout], held)
    report = client.download(held.record(), tmp_path, layout=layout)
    report.raise_for_failures()
    assert report.ok[0].path == tmp_path / LAYOUTS[layout]
    assert images(tmp_path) == expected
    assert [r.status for r in client.download(held.uid, tmp_path, layout=layout).results] == ["skipped"]
    assert [r.status for r in client.download(held.uid, tmp_path).results] == ["skipped"]
    assert verify(tmp_path).ok

    first, second, _ = (tmp_path / name for name in expected)
    first.unlink()
    (check,) = verify(tmp_path / LAYOUTS[layout].partition("/")[0]).series
    assert (check.state, check.missing, check.folder) == ("missing", (first.name,), first.parent)
    assert verify(first.parent).series == (check,)
    assert [(r.action, r.files) for r in repair(first.parent, client).series] == [("files", (first.name,))]
    second.write_bytes(b"damaged")
    first.unlink()
    report = client.download(held.uid, tmp_path)  # without the layout: it stays where it is
    assert report.ok[0].path == first.parent
    assert images(tmp_path) == expected
    assert verify(tmp_path).ok
    shutil.rmtree(first.parent)
    assert [r.action for r in repair(tmp_path, client).series] == ["series"]
    assert images(tmp_path) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_interrupted_one_is_continued(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path, layout: str
) -> None:
    large.change(**DETAILS)
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.record(), tmp_path, layout=layout).failed
    assert images(tmp_path) == {}
    assert [check.state for check in verify(tmp_path).series] == ["incomplete"]
    report = client.download(large.record(), tmp_path, layout=layout)
    report.raise_for_failures()
    assert report.ok[0].resumed_bytes > 0
    assert list(images(tmp_path)) == [
        f"{LAYOUTS[layout].replace('1.2.3.4', '1.2.3.5').replace('2.3.4', '2.3.5')}/1-0{n}.dcm"
        for n in (1, 2, 3)
    ]


def test_files_are_named_by_their_values(client: Client, held: Any, tmp_path: Path) -> None:
    template = "%PatientID/%SeriesInstanceUID/%Modality-%InstanceNumber.dcm"
    client.download(held.uid, tmp_path, layout=template).raise_for_failures()
    assert images(tmp_path) == {
        f"P1/1.2.3.4/CT-{n}.dcm": data for n, data in enumerate(held.files.values(), 1)
    }
    assert (tmp_path / "P1/1.2.3.4/LICENSE").is_file()
    receipt = read_receipt(tmp_path / ".filmroom/1.2.3.4.json")
    assert receipt is not None
    assert [file.sop_instance_uid for file in receipt.files[1:]] == ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
    for path in (tmp_path / "P1/1.2.3.4").iterdir():
        path.unlink()
    assert [r.action for r in repair(tmp_path, client).series] == ["series"]
    assert sorted(images(tmp_path)) == [f"P1/1.2.3.4/CT-{n}.dcm" for n in (1, 2, 3)]


def test_names_that_swap_are_no_collision(client: Client, held: Any, tmp_path: Path) -> None:
    """The server's names are among those that the template makes, for other images."""
    for number in (1, 2, 3):
        held.change(number, InstanceNumber=str(4 - number), StudyID="1-0")
    client.download(held.uid, tmp_path, layout="%PatientID/%StudyID%InstanceNumber.dcm").raise_for_failures()
    assert list(images(tmp_path).values()) == list(held.files.values())[::-1]
    assert list(images(tmp_path)) == ["P1/1-01.dcm", "P1/1-02.dcm", "P1/1-03.dcm"]


@pytest.mark.parametrize("names", [("same", "same"), ("Same", "sAME"), ("str\u00e4", "stra\u0308")])
def test_two_images_of_one_name_both_stay(
    client: Client, held: Any, tmp_path: Path, names: tuple[str, str]
) -> None:
    for number, name in enumerate(names, 1):
        held.change(number, SpecificCharacterSet="ISO_IR 192", ImageComments=name)
    held.change(3, ImageComments="third")
    client.download(held.uid, tmp_path, layout="%PatientID/%ImageComments.dcm").raise_for_failures()
    found = images(tmp_path)
    assert sorted(found.values()) == sorted(held.files.values())
    assert sum("1.2.3.4." in name for name in found) == 2
    assert "P1/third.dcm" in found
    assert verify(tmp_path).ok


@pytest.mark.parametrize("spelling", ["head", "HEAD"])
def test_two_series_of_one_folder_get_two(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path, spelling: str
) -> None:
    """Also where only a file system that ignores case would mix them up."""
    held.change(SeriesDescription="Head")
    second = old_nbia.hold("1.2.9.4", SeriesDescription=spelling.title() if spelling == "head" else spelling)
    layout = "%PatientID/%SeriesDescription"
    for workers in (1, 4):
        target = tmp_path / str(workers)
        client.download([held.uid, second.uid], target, layout=layout, workers=workers).raise_for_failures()
        found = images(target)
        assert sorted(found.values()) == sorted([*held.files.values(), *second.files.values()])
        folders = {name.rpartition("/")[0].lower() for name in found}
        assert folders in ({"p1/head", "p1/head-1.2.9.4"}, {"p1/head", "p1/head-1.2.3.4"})
        assert verify(target).ok
        again = client.download([held.uid, second.uid], target, layout=layout, overwrite=True)
        again.raise_for_failures()
        assert images(target) == found


def test_last_digits_that_agree_in_the_descriptive_layout(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    """The Data Retriever itself mixes such series up."""
    second = old_nbia.hold("1.9.2.3.4")
    client.download(
        [held.record(), second.record()], tmp_path, layout="descriptive", workers=1
    ).raise_for_failures()
    assert images(tmp_path) == below("Coll A/P1/1.2.3/2.3.4", held) | below(
        "Coll A/P1/1.2.3/2.3.4-1.9.2.3.4", second
    )


def test_nobody_elses_files_are_replaced(client: Client, held: Any, tmp_path: Path) -> None:
    mine = tmp_path / "P1"
    mine.mkdir()
    (mine / "1-01.dcm").write_bytes(b"my own")
    (mine / "notes.txt").write_text("mine")
    client.download(held.uid, tmp_path, layout="%PatientID").raise_for_failures()
    assert (mine / "1-01.dcm").read_bytes() == b"my own"
    assert (mine / "notes.txt").read_text() == "mine"
    assert images(tmp_path / "P1-1.2.3.4") == held.files


@pytest.mark.parametrize("hostile", ["../../out", "/out", ".filmroom", "..", "CON", "a\x00b", "x" * 64, " "])
def test_hostile_values_lead_nowhere(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path, hostile: str
) -> None:
    held.change(PatientID=hostile, SeriesDescription=hostile)
    target = tmp_path / "a" / "target"
    one = held.record(collection=hostile)
    client.download(one, target, layout="descriptive").raise_for_failures()
    client.download(one, tmp_path / "b", layout="%PatientID/%SeriesDescription.dcm").raise_for_failures()
    for folder in (target, tmp_path / "b"):
        assert sorted(images(folder).values()) == sorted(held.files.values())
        assert verify(folder).ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["target"]


def test_the_collection_is_asked_of_the_server(real: Any, tmp_path: Path) -> None:
    with Client(real.url) as client:
        report = client.download(real.large_uid, tmp_path, layout="classic")
        report.raise_for_failures()
        assert report.ok[0].path == tmp_path / "Large" / "P1" / "1.2.3" / real.large_uid
        series = client.series()
        report = client.download(series, tmp_path / "all", layout="descriptive")
        report.raise_for_failures()
        assert len({result.path for result in report.ok}) == len(series)
        assert {result.path.relative_to(tmp_path / "all").parts[0] for result in report.ok} == {
            "Demo-CT",
            "Demo-MR",
            "Large",
        }
    assert verify(tmp_path / "all").ok


def test_a_layout_that_is_none_is_refused_before_anything(client: Client, held: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="Did you mean %PatientID"):
        client.download(held.uid, tmp_path / "new", layout="%PatientId")
    assert not (tmp_path / "new").exists()


def test_a_claim_without_a_series_is_free(client: Client, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    """A kill can leave the note of a folder that never came, or one that was cut off."""
    second = old_nbia.hold("1.2.9.4")
    client.download(held.uid, tmp_path, layout="%PatientID").raise_for_failures()
    (claim,) = (tmp_path / ".filmroom/folders").iterdir()
    shutil.rmtree(tmp_path / "P1")
    (tmp_path / ".filmroom/1.2.3.4.json").unlink()
    for left in (b"1.2.3.4", b"", b"\xff", b"../../1"):
        claim.write_bytes(left)
        client.download(second.uid, tmp_path, layout="%PatientID", overwrite=True).raise_for_failures()
        assert images(tmp_path) == below("P1", second)
        shutil.rmtree(tmp_path / "P1")
        (tmp_path / ".filmroom/1.2.9.4.json").unlink()


def test_a_kill_at_any_step_of_the_finish_is_mended(
    client: Client, held: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before the n-th rename, replacement, removal or note; the next run completes or repeats it."""

    class Killed(BaseException):
        pass

    layout = "%Modality/%PatientID/%InstanceNumber.dcm"

    def killed_before(step: int, target: Path, **options: Any) -> bool:
        left = step

        def counted(real: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("rename", "replace", "unlink", "rmdir"):
                patch.setattr(Path, name, counted(getattr(Path, name)))
            patch.setattr("filmroom.client.layout.shutil.rmtree", counted(shutil.rmtree))
            try:
                client.download(held.uid, target, layout=layout, workers=1, **options)
            except Killed:
                return True
        return False

    for step in range(60):
        fresh, again = tmp_path / f"{step}-fresh", tmp_path / f"{step}-again"
        client.download(held.uid, again, layout=layout).raise_for_failures()
        (again / "CT/P1/mine.txt").write_text("mine")
        stopped = [killed_before(step, fresh), killed_before(step, again, overwrite=True)]
        for target in (fresh, again):
            client.download(held.uid, target, layout=layout).raise_for_failures()
            assert images(target) == {
                f"CT/P1/{number}.dcm": data for number, data in enumerate(held.files.values(), 1)
            }
            assert verify(target).ok
        assert not list((fresh / ".filmroom").glob("*.partial"))
        assert (again / "CT/P1/mine.txt").read_text() == "mine"
        if not any(stopped):
            break
    assert 10 < step < 59
