"""The way from real files to verified folders and back to the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from filmroom import Client
from filmroom.client import verify
from filmroom.settings import ArchiveAddress


@pytest.mark.shared
def test_real_series_come_back_byte_for_byte(
    archive_address: ArchiveAddress, shared_dicom: Path, tmp_path: Path
) -> None:
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.load import IngestOptions, ingest_paths
    from filmroom.testing.live import running_server

    source = shared_dicom / "archive"
    ingest_paths(archive_address, [source], IngestOptions(Rules(collection_from="folder"), 2))
    sent = {hashlib.md5(path.read_bytes()).digest() for path in source.rglob("*") if path.is_file()}
    with running_server(archive_address) as url, Client(url) as client:
        series = client.series()
        assert len(series) == 100
        assert len(client.collections()) == 22
        report = client.download(series, tmp_path / "out")
    report.raise_for_failures()
    assert sum(result.files for result in report.ok) == 445
    checked = verify(tmp_path / "out")
    assert checked.ok
    got = {
        hashlib.md5(path.read_bytes()).digest()
        for check in checked.series
        for path in check.folder.iterdir()
        if path.name != "LICENSE"
    }
    assert len(got) == 445
    assert got <= sent
