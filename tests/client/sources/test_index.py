"""Series found by the installed index of Imaging Data Commons, fetched from a bucket like the real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client
from filmroom.client import repair, verify
from filmroom.client.manifests import parse_manifest
from filmroom.errors import IncompleteTransfer, InvalidInput, NotFound
from filmroom.model.entities import Series

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("server", [NOBODY, None])
@pytest.mark.parametrize("source", ["idc", "auto"])
def test_a_series_of_the_index(indexed: Any, tmp_path: Path, source: Any, server: str | None) -> None:
    if source == "auto" and server == NOBODY:
        return  # below: only TCIA's series are looked for elsewhere
    with Client(server, source=source) as client:
        (planned,) = client.plan(Series(indexed.uid, image_count=7, file_size=1), tmp_path)
        assert planned.promise is not None and planned.promise.count == 3
        (result,) = client.download(indexed.uid, tmp_path).results
    assert result.status == "ok", result.error
    assert len(list((tmp_path / indexed.uid).iterdir())) == 3
    assert verify(tmp_path).ok


def test_an_own_server_is_not_passed_over(indexed: Any, tmp_path: Path) -> None:
    with Client(NOBODY, source="auto") as client:
        (planned,) = client.plan(indexed.uid, tmp_path)
    assert "127.0.0.1:9" in str(planned.error)


def test_what_the_index_does_not_know(indexed: Any, tmp_path: Path) -> None:
    with Client(NOBODY, source="idc") as client:
        unknown, known = client.download(["1.2.3.4", indexed.uid], tmp_path).results
    assert isinstance(unknown.error, NotFound) and "index" in str(unknown.error)
    assert known.status == "ok"


def test_fewer_objects_than_the_index_says(indexed: Any, tmp_path: Path, s3: Any) -> None:
    from obstore import delete, get, put
    from obstore.store import S3Store

    keys = s3.environment
    store = S3Store(
        "idc-open-data",
        endpoint=s3.endpoint,
        access_key_id=keys["AWS_ACCESS_KEY_ID"],
        secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )
    key = f"{indexed.address.split('/')[3]}/00000000-0000-0000-0000-000000000002.dcm"
    data = get(store, key).bytes()
    delete(store, key)
    try:
        with Client(NOBODY, source="idc") as client:
            (result,) = client.download(indexed.uid, tmp_path).results
        assert isinstance(result.error, IncompleteTransfer)
        assert not (tmp_path / indexed.uid).exists()
    finally:
        put(store, key, bytes(data))


@pytest.mark.parametrize("has_index", [True, False])
def test_commands_of_s5cmd_name_series(
    indexed: Any, tmp_path: Path, has_index: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_index:
        monkeypatch.setitem(sys.modules, "idc_index_data", None)  # as where it is not installed
    manifest = parse_manifest(f"# from the portal\ncp {indexed.address} .\n".encode())
    assert manifest.series == ()
    with Client(NOBODY) as client:
        client.download(manifest.remote, tmp_path).raise_for_failures()
        (again,) = client.download(indexed.address, tmp_path).results
    assert again.status == "skipped"
    assert len(list((tmp_path / indexed.uid).iterdir())) == 3


@pytest.mark.parametrize("lost", [1, 3])
def test_repair_finds_the_bucket_again(indexed: Any, tmp_path: Path, lost: int) -> None:
    with Client(NOBODY, source="idc") as client:
        client.download(indexed.uid, tmp_path).raise_for_failures()
    for file in sorted((tmp_path / indexed.uid).iterdir())[:lost]:
        file.write_bytes(b"damaged")
    assert not verify(tmp_path).ok
    repair(tmp_path).raise_for_failures()
    assert verify(tmp_path).ok


def test_sources_that_do_not_exist() -> None:
    with pytest.raises(InvalidInput, match="no source 'moon'"):
        Client(NOBODY, source="moon")  # type: ignore[arg-type]


def test_a_client_without_the_index_loads_no_reader() -> None:
    code = "import sys, filmroom.client; print([n for n in ('polars', 'idc_index_data') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
