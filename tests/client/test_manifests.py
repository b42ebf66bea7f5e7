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


@pytest.mark.parametrize(
    ("text", "series", "remote"),
    [
        ("drs_uri\ndrs://h/1\n", (), [(("drs://h/1",), None)]),
        (
            "SeriesInstanceUID,drs_uri\n1.2,drs://h/1\n3.4,\n1.2,drs://h/2\n",
            ("3.4",),
            [(("drs://h/1", "drs://h/2"), "1.2")],
        ),
        (
            "SeriesInstanceUID\timageUrl\n1.2\thttps://x/y.svs\n\thttps://x/z.svs?a=b\n",
            ("1.2",),
            [(("https://x/z.svs?a=b",), None)],
        ),
        (
            f"s5cmd {'cp ' * 20_000}s3://b/z/* .\n",  # looked at in one go
            (),
            [(("s3://b/z/*",), None)],
        ),
        (
            "# portal\ncp s3://b/x/* .\ns5cmd --no-sign-request sync 's3://b/y/*' out\ncp s3://b/x/* .\n",
            (),
            [(("s3://b/x/*",), None), (("s3://b/y/*",), None)],
        ),
        ("1.2\nhttps://x/a.dcm\n", ("1.2",), [(("https://x/a.dcm",), None)]),
    ],
)
def test_series_that_are_named_by_addresses(
    text: str, series: tuple[str, ...], remote: list[tuple[tuple[str, ...], str | None]]
) -> None:
    manifest = parse_manifest(text.encode())
    assert manifest.series == series
    assert [(each.addresses, each.series_instance_uid) for each in manifest.remote] == remote


def test_addresses_that_are_none_are_told_with_their_line() -> None:
    for text in ("name,drs_uri\na,drs://h/1\nb,ftp://h/2\n", "name,imageUrl\na,https://x/1\nb,me\n"):
        with pytest.raises(InvalidInput, match="Line 3"):
            parse_manifest(text.encode())
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(b"name,imageUrl\na,ftp://x/1?sig=secret\n")
    assert "secret" not in str(caught.value)
