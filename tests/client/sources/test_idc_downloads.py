"""Downloads of tcia_utils.idc, from a bucket laid out like the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filmroom import idc


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*.dcm") if ".filmroom" not in str(path)
    )


@pytest.mark.parametrize("kind", ["list", "df", "rows", ".tcia", ".csv", ".s5cmd"])
def test_download(indexed: Any, tmp_path: Path, kind: str) -> None:
    series: Any = [indexed.uid]
    if kind == "df":
        series = idc.getSeriesList(series)
    elif kind == "rows":
        series = idc.getSeries(seriesUid=indexed.uid)
    elif kind.startswith("."):
        text = {
            ".tcia": f"downloadServerUrl=x\nListOfSeriesToDownload=\n{indexed.uid}\n",
            ".csv": f"PatientID,SeriesInstanceUID\nP,{indexed.uid}\n",
            ".s5cmd": f"cp {indexed.address} .\n",
        }[kind]
        (tmp_path / f"m{kind}").write_text(text)
        series = str(tmp_path / f"m{kind}")
    frame = idc.downloadSeries(series, input_type=kind if kind in {"list", "df"} else "", format="df")
    assert frame["SeriesInstanceUID"].tolist() == [indexed.uid]
    assert len(files(tmp_path / "tciaDownload" / indexed.uid)) == 3
    assert idc.downloadSeries(series, input_type=kind if kind in {"list", "df"} else "") is None


@pytest.mark.parametrize(
    ("template", "folder"),
    [("flat", "{uid}"), ("nested", "nlst/P1/1.2.3/CT_{uid}"), ("%collection_id/%Modality", "nlst/CT")],
)
def test_templates(indexed: Any, tmp_path: Path, template: str, folder: str) -> None:
    idc.downloadSeries([indexed.uid], path="there", input_type="list", template=template)
    assert len(list((tmp_path / "there" / folder.format(uid=indexed.uid)).glob("*.dcm"))) == 3


def test_a_folder_that_is_not_empty_is_not_a_series(
    indexed: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "tciaDownload" / indexed.uid
    folder.mkdir(parents=True)
    (folder / "half.dcm").write_bytes(b"half")
    idc.downloadSeries([indexed.uid, "1.2.3.4"], input_type="list")
    assert len([name for name in files(folder) if name != "half.dcm"]) == 3
    assert "1.2.3.4 failed" in caplog.text and "Downloaded 1 of 2" in caplog.text
    caplog.clear()
    idc.downloadSeries([indexed.uid], input_type="list", number=1)
    assert "1 series are there already; 0 are fetched" in caplog.text


def test_what_headers_tell(indexed: Any, tmp_path: Path) -> None:
    uids = idc.getSopInstanceUids(indexed.uid)
    assert uids == [f"{indexed.uid}.{number}" for number in (1, 2, 3)]
    assert idc.getSopInstanceUids(indexed.uid, format="df")["SOPInstanceUID"].tolist() == uids
    tags = {row["element"]: row["data"] for row in idc.getDicomTags(indexed.uid, format="")}
    assert tags["(0020,000e)"] == indexed.uid and "(7fe0,0010)" not in tags
    assert list(idc.getDicomTags(indexed.uid).columns) == ["element", "name", "data"]
    assert idc.getSegRefSeries(indexed.uid) == "N/A"
    assert idc.getSegRefSeries("1.2.3.4") == "N/A"
    assert idc.getDicomTags("1.2.3.4") is None


def test_one_image(indexed: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    idc.downloadImage(indexed.uid, f"{indexed.uid}.2")
    (file,) = (tmp_path / "idcDownload" / indexed.uid).iterdir()
    assert file.name == f"{indexed.uid}.2.dcm" and file.read_bytes()[128:132] == b"DICM"
    idc.downloadImage(indexed.uid, f"{indexed.uid}.2")
    assert "is there already" in caplog.text
    idc.downloadImage(indexed.uid, f"{indexed.uid}.9")
    assert "no image" in caplog.text
