"""Controlled data: keys, tokens, permissions, addresses that are signed for a while; what is never told."""

from __future__ import annotations

import io
import json
import logging
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client
from filmroom.client.journal import Arrival, Arrived
from filmroom.client.layout import SeriesPlace
from filmroom.client.manifests import parse_manifest
from filmroom.client.sources.base import RemoteSeries
from filmroom.client.sources.drs import service_of
from filmroom.client.sources.unpack import unpacked
from filmroom.errors import AccessDenied, BadAnswer, DigestMismatch, InvalidInput, NotFound
from filmroom.net.retry import RetryPolicy
from filmroom.testing.gen3 import running_gen3

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
NOBODY = "http://127.0.0.1:9"
TOKENS = "/user/credentials/cdis/access_token"


def fetched(drs: Any, target: Path, series: RemoteSeries | None = None) -> Any:
    with drs.client() as client:
        (result,) = client.download(series or drs.series, target).results
    return result


def test_one_token_serves_many_files(drs: Any, gen3: Any, tmp_path: Path) -> None:
    assert fetched(drs, tmp_path / "out").status == "ok"
    assert gen3.count(TOKENS) == 1
    assert gen3.count("/storage/") == 3


def test_a_token_that_ended_is_renewed(drs: Any, gen3: Any, tmp_path: Path) -> None:
    with drs.client() as client:
        client.plan(drs.series, tmp_path / "out")
        client.download(drs.series, tmp_path / "one").raise_for_failures()
        gen3.end_tokens()
        client.download(drs.series, tmp_path / "two").raise_for_failures()
    assert gen3.count(TOKENS) == 2


def test_a_token_is_renewed_before_it_ends(drs: Any, gen3: Any, tmp_path: Path) -> None:
    gen3.token_seconds = 30  # less than the time by which tokens are renewed early
    assert fetched(drs, tmp_path / "out").status == "ok"
    assert gen3.count(TOKENS) > 3


def test_a_signature_that_ended_is_asked_for_again(drs: Any, gen3: Any, tmp_path: Path) -> None:
    drs.spoil("truncate")
    relay_serve = drs.relay.schedule.next

    def ending() -> Any:
        fault = relay_serve()
        if drs.relay.schedule.requests == 2:
            gen3.end_signatures()
        return fault

    drs.relay.schedule.next = ending
    assert fetched(drs, tmp_path / "out").status == "ok"
    # The first file: cut, refused at its old address, fetched at a new one.
    assert gen3.count("/storage/") == 5
    assert gen3.count("/ga4gh/drs/v1/objects/dg.TEST/0/access") == 2


def test_without_permission(drs: Any, gen3: Any, tmp_path: Path) -> None:
    gen3.objects["dg.TEST/1"].permitted = False
    result = fetched(drs, tmp_path / "out")
    assert isinstance(result.error, AccessDenied)
    assert "permit" in str(result.error) and "dg.TEST/1" in str(result.error)
    assert "dbGaP" in result.error.advice
    gen3.objects["dg.TEST/1"].permitted = True
    again = fetched(drs, tmp_path / "out")
    assert again.status == "ok" and again.resumed_bytes > 0


def test_a_key_that_is_not_accepted(drs: Any, gen3: Any, tmp_path: Path) -> None:
    gen3.revoke_keys()
    result = fetched(drs, tmp_path / "out")
    assert isinstance(result.error, AccessDenied) and "API key" in str(result.error)
    assert "profile page" in result.error.advice


def test_without_a_key(drs: Any, tmp_path: Path) -> None:
    with Client(NOBODY, retry=QUICK) as client:
        (result,) = client.download(drs.series, tmp_path / "out").results
    assert isinstance(result.error, AccessDenied)
    assert "--gen3-key" in result.error.advice


def test_the_key_goes_to_its_issuer_alone(
    drs: Any, gen3: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from filmroom.testing.gen3 import running_gen3

    with running_gen3(tmp_path_factory.mktemp("other")) as other:
        address = other.add("dg.TEST/x", "x.dcm", b"x")
        result = fetched(drs, tmp_path / "out", RemoteSeries((address,)))
        assert isinstance(result.error, AccessDenied)
        assert other.count(TOKENS) == 0
        assert other.count("/ga4gh") > 0


def test_what_is_secret_is_told_nowhere(
    drs: Any, gen3: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    key = json.loads((tmp_path / "credentials.json").read_text())["api_key"]
    target = tmp_path / "out"
    drs.spoil(None, "slow-down", "truncate", *["slow-down"] * 9)
    with drs.client() as client:
        (failed,) = client.download(drs.series, target).results
        drs.relay.schedule = None
        client.download(drs.series, target).raise_for_failures()
        told = repr(client.sources._drs._key) + repr(client)
    told += caplog.text + "".join(capsys.readouterr()) + str(failed.error)
    told += "".join(path.read_text() for path in (target / ".filmroom").rglob("*.json*"))
    assert gen3._tokens and gen3._signatures
    for secret in [key, *gen3._tokens, *gen3._signatures]:
        assert secret not in told


def test_a_key_does_not_follow_where_its_service_points(drs: Any, gen3: Any, tmp_path: Path) -> None:
    with running_gen3(tmp_path / "other") as other:
        gen3.keys_elsewhere = other.url
        assert "status 307" in str(fetched(drs, tmp_path / "out").error)
        assert gen3.count(TOKENS) == 1
        assert other.asked == []


def test_wrong_content_with_another_checksum_than_md5(drs_zip: Any, gen3: Any, tmp_path: Path) -> None:
    held = gen3.objects["dg.TEST/whole"]
    held.checksums = {"sha-256": "0" * 64}
    result = fetched(drs_zip, tmp_path / "out")
    assert isinstance(result.error, DigestMismatch) and "sha256" in str(result.error)
    assert not (tmp_path / "out" / drs_zip.series.key).exists()


@pytest.mark.parametrize(
    "members", [["a.dcm", "b/a.dcm"], ["a.dcm", "A.DCM"], ["../..\\evil\x01.dcm"], ["nul"], []]
)
def test_hostile_archives(gen3: Any, tmp_path: Path, members: list[str]) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in members:
            archive.writestr(name, name)
    address = gen3.add("dg.TEST/bad", "bad.zip", sink.getvalue())
    key = gen3.key_file(tmp_path / "credentials.json")
    with Client(NOBODY, retry=QUICK, gen3_key=key) as client:
        (result,) = client.download(RemoteSeries((address,)), tmp_path / "out").results
    assert isinstance(result.error, BadAnswer), result
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"credentials.json", "out"}] == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".filmroom"]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_archives_that_are_damaged_anywhere(tmp_path: Path, method: int) -> None:
    """What a service sends as it says, but is no archive as the library expects it."""
    place = SeriesPlace(tmp_path, "1.2.3")
    place.files.mkdir(parents=True)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name in ("a.dcm", "b.dcm", "\N{LATIN SMALL LETTER E WITH ACUTE}.dcm"):
            archive.writestr(name, name.encode() * 20)
    arrival = Arrival("drs", [Arrived("whole.zip", 0, 0, 0, 0, 0, 0, "")])
    chance = random.Random(method)
    for number in range(len(sink.getvalue()) * 2):
        content = bytearray(sink.getvalue())
        content[number // 2] = chance.randrange(256)
        (place.files / "whole.zip").write_bytes(content)
        try:
            unpacked(place, arrival)
        except BadAnswer:
            assert (place.files / "whole.zip").exists()
        else:
            assert method in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def test_an_archive_of_another_series(drs_zip: Any, tmp_path: Path) -> None:
    other = RemoteSeries(drs_zip.series.addresses, "1.2.3.4")
    result = fetched(drs_zip, tmp_path / "out", other)
    assert isinstance(result.error, BadAnswer) and "belongs to series" in str(result.error)


def test_a_manifest_of_controlled_files(drs: Any, tmp_path: Path) -> None:
    rows = "".join(f"{drs.series.key},{address}\n" for address in drs.series.addresses)
    manifest = parse_manifest(f"SeriesInstanceUID,drs_uri\n{rows}".encode())
    assert manifest.remote == (drs.series,)
    with drs.client() as client:
        client.download(manifest.remote, tmp_path / "out").raise_for_failures()
    assert len(list((tmp_path / "out" / drs.series.key).iterdir())) == 3


def test_key_files_that_are_none(tmp_path: Path, gen3: Any) -> None:
    path = tmp_path / "credentials.json"
    series = RemoteSeries((gen3.add("dg.TEST/1", "a", b"a"),))

    def error() -> Any:
        with Client(NOBODY, retry=QUICK, gen3_key=path) as client:
            return client.plan(series, tmp_path)[0].error

    assert isinstance(error(), InvalidInput)
    gen3.key_file(path)
    path.chmod(0o644)
    assert "chmod 600" in error().advice
    path.chmod(0o600)
    for content in ["", "{}", '{"api_key": "a b"}', '{"api_key": "opaque"}', '{"api_key": 3}']:
        path.write_text(content)
        assert isinstance(error(), InvalidInput), content


def test_addresses_of_services() -> None:
    assert service_of("drs://nci-crdc.datacommons.io/dg.4DFC/0-1") == (
        "https://nci-crdc.datacommons.io",
        "dg.4DFC/0-1",
    )
    assert service_of("drs://dg.4DFC:0-1") == ("https://nci-crdc.datacommons.io", "dg.4DFC/0-1")
    assert service_of("drs://127.0.0.1:8080/x")[0] == "http://127.0.0.1:8080"
    for bad in ("drs://dg.UNKNOWN/1", "drs://host", "drs://me@host/1"):
        with pytest.raises(InvalidInput):
            service_of(bad)


def test_what_the_service_does_not_have(gen3: Any, tmp_path: Path) -> None:
    address = gen3.add("dg.TEST/1", "a", b"a").replace("dg.TEST/1", "dg.TEST/2")
    with Client(NOBODY, retry=QUICK) as client:
        (planned,) = client.plan(RemoteSeries((address,)), tmp_path)
    assert isinstance(planned.error, NotFound)
