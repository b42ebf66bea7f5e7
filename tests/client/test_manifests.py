"""Lists of series as people have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmroom.client.manifests import parse_manifest, read_manifest
from filmroom.errors import InvalidInput


@pytest.mark.parametrize(
    "text",
    [
        "1.2\n3.4\n",
        "\ufeff1.2\r\n\r\n3.4",
        'Series ID\n"1.2"\n,3.4',
        "databasketId=x\nmanifestVersion=3.0\nListOfSeriesToDownload=\n1.2\n3.4\n1.2\n",
        "ListOfSeriesToDownload=1.2\n3.4\n",
        "listofseriestodownload =\n1.2\nincludeAnnotation=true\n3.4\n",
        "# comment\nSeries Instance UID\n1.2,\n'3.4'",
        "SeriesInstanceUID\n1.2\n3.4\n",
        "PatientID,SeriesInstanceUID,Modality\nP 1,1.2,CT\nP1,3.4,\n",
        'PatientID,Series UID\r\n"Doe, J",1.2\r\n\r\n"two\nlines","3.4"\r\n,,\r\n',
        "Series Instance UID\tCollection\n1.2\tA\n3.4\tB\n",
        "\n\ufeffa;series_instance_uid\n;1.2\n;3.4\n".replace("\ufeff", ""),
    ],
)
def test_manifests(text: str) -> None:
    assert parse_manifest(text.encode()).series == ("1.2", "3.4")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no series"),
        (b"hello\n", "Line 1 .*hello"),
        (b"1.2\n\n../3\n", "Line 3 .*'../3'"),
        (b"\xff\xfe1", "not a text file"),
        (b"a=b\n", "names no series"),
        (b"PatientID,Modality\n1,CT\n", "no column SeriesInstanceUID"),
        (b"PatientID,SeriesInstanceUID\nP,1.2\nP,x\n", "Line 3 .*'x'"),
        (b"PatientID,SeriesInstanceUID\nP,1.2\nP\n", "Line 3 .*'P'"),
        (b"PatientID,SeriesInstanceUID\n", "names no series"),
        (b'PatientID,SeriesInstanceUID\nP,"1.2\n', "Line 2 .*cannot be read"),
        (b"PatientID,SeriesInstanceUID\nP," + b"1" * 200_000, "Line 2 .*cannot be read"),
    ],
)
def test_manifests_that_are_none(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        parse_manifest(content)
    assert len(str(caught.value)) < 250


def test_where_the_series_are() -> None:
    text = (
        "downloadServerUrl=https://x.org/nbia-download/servlet/DownloadServlet\nListOfSeriesToDownload=\n1.2"
    )
    manifest = parse_manifest(text.encode())
    assert manifest.server == "https://x.org/nbia-download/servlet/DownloadServlet"


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.tcia").write_text("1.2\n")
    assert read_manifest(tmp_path / "a.tcia").series == ("1.2",)
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_manifest(path)
