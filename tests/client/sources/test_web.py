"""Files at plain addresses, of servers that offer little or misbehave; files that are no DICOM."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from filmroom import Client
from filmroom.client import verify
from filmroom.client.manifests import parse_manifest
from filmroom.client.sources.base import RemoteSeries
from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, NotFound
from filmroom.net.retry import RetryPolicy
from filmroom.testing.gen3 import running_app
from filmroom.testing.slices import dicom_file

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
NOBODY = "http://127.0.0.1:9"
CONTENT = bytes(range(256)) * 3000


@dataclass
class Site:
    """A server without ranges. ``etag`` and ``content`` may change; ``asked`` are the paths."""

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    asked: list[str] = field(default_factory=list)

    async def give(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked.append(name)
        if name == "page.svs":
            return HTMLResponse("<html>down</html>")
        if name == "moved.svs":
            return RedirectResponse("/plain.svs")
        if name == "refused.svs":
            return Response("no", 403)
        if name == "chunked.svs":
            return StreamingResponse(self._pieces())
        if name == "changing.svs":
            self.etag = f'"{len(self.asked)}"'
        if name.endswith(".svs"):
            return Response(self.content, headers={"ETag": self.etag})
        return Response("nothing", 404)

    async def _pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 100_000):
            yield self.content[start : start + 100_000]


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()
    with running_app(Starlette(routes=[Route("/{name:path}", state.give)])) as url:
        state.url = url
        yield state


def fetched(target: Path, *addresses: str, uid: str | None = None) -> Any:
    with Client(NOBODY, timeout=2, retry=QUICK) as client:
        (result,) = client.download(RemoteSeries(addresses, uid), target).results
    return result


@pytest.mark.parametrize("name", ["plain.svs", "chunked.svs", "moved.svs"])
def test_a_file_that_is_no_dicom(site: Site, tmp_path: Path, name: str) -> None:
    result = fetched(tmp_path, f"{site.url}/{name}")
    assert result.status == "ok", result.error
    assert (result.path / name).read_bytes() == CONTENT
    assert "no checksum" in result.warnings[0]
    assert verify(tmp_path).ok
    assert fetched(tmp_path, f"{site.url}/{name}").status == "skipped"


def test_it_is_no_image_of_a_series(site: Site, tmp_path: Path) -> None:
    result = fetched(tmp_path, f"{site.url}/plain.svs", uid="1.2.3")
    assert isinstance(result.error, BadAnswer) and "DICOM" in str(result.error)
    assert not (tmp_path / "1.2.3").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.svs", BadAnswer),
        ("gone", NotFound),
        ("refused.svs", AccessDenied),
        ("changing.svs", BadAnswer),
    ],
)
def test_faults(site: Site, tmp_path: Path, name: str, kind: type[Exception]) -> None:
    result = fetched(tmp_path, f"{site.url}/{name}?X-Amz-Signature=secret")
    assert isinstance(result.error, kind), result.error
    assert "secret" not in str(result.error)
    assert not result.path.exists()


def test_a_changed_file_is_not_continued(site: Site, tmp_path: Path) -> None:
    from filmroom.testing.relay import Relay

    with Relay(site.url) as relay:
        # Without ranges each of the two questions for its size ends with its connection.
        relay.cuts = [None, None, 400_000]
        relay.before_cut = lambda: setattr(site, "content", CONTENT[::-1]) or setattr(site, "etag", '"two"')
        result = fetched(tmp_path, f"{relay.url}/plain.svs")
        assert isinstance(result.error, BadAnswer), result
        assert "changed" in str(result.error)
        again = fetched(tmp_path, f"{relay.url}/plain.svs")
    assert again.status == "ok", again.error
    assert (again.path / "plain.svs").read_bytes() == CONTENT[::-1]


def test_an_archive_at_an_address(site: Site, tmp_path: Path) -> None:
    """As a series that is asked of a server by its address: no name ends in ``.zip``."""
    uid = "1.2.826.0.1.3680043.10.999.5"
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"1-{number}.dcm", dicom_file(uid, number, 2048))
    site.content = sink.getvalue()
    result = fetched(tmp_path, f"{site.url}/getImage.svs?SeriesInstanceUID={uid}", uid=uid)
    assert result.status == "ok", result.error
    assert sorted(path.name for path in result.path.iterdir()) == ["1-1.dcm", "1-2.dcm"]
    # Of unknown content it stays what it is.
    result = fetched(tmp_path, f"{site.url}/plain.svs")
    assert [path.name for path in result.path.iterdir()] == ["plain.svs"]


def test_two_files_of_one_name(site: Site, tmp_path: Path) -> None:
    result = fetched(tmp_path, f"{site.url}/a/plain.svs", f"{site.url}/b/plain.svs")
    assert isinstance(result.error, BadAnswer) and "alike" in str(result.error)


def test_a_manifest_of_slides(site: Site, tmp_path: Path) -> None:
    text = f"collection,imageUrl\nA,{site.url}/plain.svs\nB,{site.url}/x/other.svs\n"
    manifest = parse_manifest(text.encode())
    assert len(manifest.remote) == 2
    with Client(NOBODY, retry=QUICK) as client:
        report = client.download(manifest.remote, tmp_path)
        report.raise_for_failures()
    assert sorted(path.name for result in report.ok for path in result.path.iterdir()) == [
        "other.svs",
        "plain.svs",
    ]


def test_a_signature_is_not_kept(site: Site, tmp_path: Path) -> None:
    first = fetched(tmp_path, f"{site.url}/plain.svs?sig=secret-one")
    again = fetched(tmp_path, f"{site.url}/plain.svs?sig=secret-two")
    assert (first.status, again.status) == ("ok", "skipped")
    kept = "".join(path.read_text() for path in (tmp_path / ".filmroom").glob("*.json"))
    assert "secret" not in kept


@pytest.mark.parametrize(
    "text", ["", "ftp://host/file", "https://", "s3://bucket", "file:///etc/passwd", "1.2.3"]
)
def test_addresses_that_are_none(text: str) -> None:
    try:
        with Client(NOBODY, retry=QUICK) as client:
            (planned,) = client.plan(RemoteSeries((text,)))
    except InvalidInput:
        return
    assert isinstance(planned.error, InvalidInput), planned
