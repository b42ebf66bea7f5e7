"""Slides through the client: listed, fetched over lines that break, compared, cited; and the commands."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from filmroom import AsyncClient, Client
from filmroom.client import ListedSlide, SlideResult
from filmroom.client.slide_places import place_slides
from filmroom.client.sources.base import RemoteSeries
from filmroom.errors import DigestMismatch, InvalidInput, NotFound, NotOffline, ServerError
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.net.digests import repr_digest, told_digests
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.testing.archives import PAIRS, shared_archive
from filmroom.testing.commands import run_filmroom
from filmroom.testing.faults import Fault, FaultyRelay, Schedule
from filmroom.testing.live import running_server
from filmroom.testing.slides import write_svs

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
PATHOLOGY = Path(__file__).parents[3] / "shared" / "pathology"
BIG = "big.svs"


@dataclass
class Planned(Schedule):
    """Spoils exactly the requests that are planned, in their order; None: as it is."""

    seed: int = 0
    rate: float = 0.0
    plan: list[Fault | None] = field(default_factory=list)

    def next(self) -> Fault | None:
        self.requests += 1
        return self.plan.pop(0) if self.plan else None


def named(slides: Any, name: str) -> ListedSlide:
    found: ListedSlide = next(each for each in slides if each.name == name)
    return found


def quick(url: str, **options: Any) -> Client:
    return Client(url, timeout=5, retry=QUICK, **options)


def test_slides_are_typed_records(slides: Any) -> None:
    with Client(slides.url) as client:
        assert [each.name for each in client.slide_collections()] == ["Open"]
        found = client.slides(collection="Open")
        assert {each.name for each in found} == {slides.svs, slides.plain, slides.ome}
        one = named(found, slides.svs)
        assert (one.collection, one.subject_id, one.width, one.height) == ("Open", "TCGA-AB-1234", 1300, 900)
        assert one.pixel_size_x == pytest.approx(0.252)
        assert (
            one.viewer_url == f"{slides.url}/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId={one.id}"
        )
        assert slides.get(one.viewer_url).status == 200
        body = slides.get(one.url or "").body
        assert (one.size, one.md5) == (len(body), hashlib.md5(body).hexdigest())
        assert client.slides(subject="TCGA-AB-1234") == client.slides(
            collection="Open", subject="TCGA-AB-1234"
        )
        assert [each.name for each in client.slides(subject="TCGA-AB-1234")] == [slides.svs]
        assert not client.slides(collection="open")
        assert not client.slides(subject="nobody")
        assert list(found.to_pandas()["name"]) == [each.name for each in found]
        assert found.to_polars().height == 3


def test_what_was_granted_is_listed_and_fetched_with_the_login(slides: Any, tmp_path: Path) -> None:
    with Client(slides.url) as nobody, Client(slides.url, token=slides.token) as ann:
        assert not nobody.slides(collection="Shut")
        (secret,) = ann.slides(collection="Shut")
        (refused,) = nobody.download_slides(secret, tmp_path / "nobody").results
        assert isinstance(refused.error, NotFound)
        assert not refused.path.exists()
        (result,) = ann.download_slides([secret], tmp_path / "ann").results
        assert result.status == "ok", result.error
        assert hashlib.md5(result.path.read_bytes()).hexdigest() == secret.md5


def test_the_token_goes_to_the_server_alone(slides: Any, tmp_path: Path) -> None:
    """A list may name files anywhere: another server is asked as nobody."""
    with FaultyRelay(slides.url) as relay, Client(slides.url, token=slides.token) as ann:
        (secret,) = ann.slides(collection="Shut")
        elsewhere = ListedSlide(
            **{
                **{name: getattr(secret, name) for name in secret.__dataclass_fields__},
                "url": (secret.url or "").replace(slides.url, relay.url),
            }
        )
        (result,) = ann.download_slides(elsewhere, tmp_path).results
    assert isinstance(result.error, NotFound)


def test_a_download_is_checked_and_done_once(slides: Any, tmp_path: Path) -> None:
    with Client(slides.url) as client:
        found = client.slides(collection="Open")
        report = client.download_slides(found, tmp_path)
        assert [result.status for result in report.results] == ["ok"] * 3
        for result in report.results:
            assert isinstance(result, SlideResult)
            assert result.slide is not None
            assert result.path == tmp_path / "Open" / str(result.slide.name)
            assert result.md5 == result.slide.md5 == hashlib.md5(result.path.read_bytes()).hexdigest()
        assert [each.status for each in client.download_slides(found, tmp_path).results] == ["skipped"] * 3
        damaged = tmp_path / "Open" / slides.svs
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[:1000])
        again = client.download_slides(found, tmp_path)
        assert sorted(each.status for each in again.results) == ["ok", "skipped", "skipped"]
        assert damaged.read_bytes() == whole
        fetched = client.download_slides(found, tmp_path, overwrite=True)
        assert [result.status for result in fetched.results] == ["ok"] * 3
    assert not list((tmp_path / ".filmroom").glob("*.partial"))
    assert not list((tmp_path / ".filmroom").glob("*.lock"))


def test_what_another_program_left_is_compared_not_believed(slides: Any, tmp_path: Path) -> None:
    with Client(slides.url) as client:
        found = client.slides(collection="Open")
        for slide in found:
            content = slides.get(slide.url or "").body
            path = tmp_path / "Open" / str(slide.name)
            path.parent.mkdir(exist_ok=True)
            # One has the right size and other bytes.
            path.write_bytes(content if slide.name != slides.svs else b"x" * len(content))
        report = client.download_slides(found, tmp_path)
        by_name = {result.path.name: result.status for result in report.results}
        assert by_name == {slides.svs: "ok", slides.plain: "skipped", slides.ome: "skipped"}
        one = named(found, slides.svs)
        assert hashlib.md5((tmp_path / "Open" / slides.svs).read_bytes()).hexdigest() == one.md5


@pytest.fixture(scope="module", params=PAIRS)
def big_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture(scope="module")
def big(big_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """A server's address, and its only slide, which is large enough to be continued inside."""
    folder = tmp_path_factory.mktemp("big")
    write_svs(folder / BIG, width=3000, height=2400, label=False)
    ingest_paths(big_address, [folder], IngestOptions(Rules(collection="Big"), 1))
    with running_server(big_address) as url, Client(url) as client:
        (found,) = client.slides()
        with urlopen(found.url or "", timeout=60) as answer:
            content = answer.read()
        assert len(content) > 600_000
        yield url, content


@pytest.mark.parametrize("fault", ["truncate", "reset", "slow-down", "refuse"])
def test_a_broken_transfer_is_continued(big: tuple[str, bytes], tmp_path: Path, fault: Fault) -> None:
    url, content = big
    with FaultyRelay(url) as relay, quick(relay.url) as client:
        (slide,) = client.slides()
        relay.schedule = Planned(plan=[None, fault, fault])
        (result,) = client.download_slides(slide, tmp_path).results
        assert result.status == "ok", result.error
        assert result.path.read_bytes() == content
        assert relay.schedule.requests == 4


def test_the_next_run_goes_on_where_one_gave_up(big: tuple[str, bytes], tmp_path: Path) -> None:
    url, content = big
    with FaultyRelay(url) as relay, quick(relay.url) as client:
        (slide,) = client.slides()
        down: list[Fault | None] = ["slow-down"] * 3
        relay.schedule = Planned(plan=[None, "truncate", *down])
        (failed,) = client.download_slides(slide, tmp_path).results
        assert isinstance(failed.error, ServerError)
        assert "Run the same command again" in str(failed.error.advice)
        assert not failed.path.exists()
        relay.schedule = None
        (result,) = client.download_slides(slide, tmp_path).results
        assert result.status == "ok", result.error
        assert 0 < result.resumed_bytes < len(content)
        assert result.path.read_bytes() == content


def test_a_flipped_bit_is_fetched_again_and_never_kept(big: tuple[str, bytes], tmp_path: Path) -> None:
    url, content = big
    with FaultyRelay(url) as relay, quick(relay.url) as client:
        (slide,) = client.slides()
        relay.schedule = Planned(plan=[None, "corrupt"])
        (result,) = client.download_slides(slide, tmp_path).results
        assert result.status == "ok", result.error
        assert result.path.read_bytes() == content
        relay.schedule = Planned(plan=[None, "corrupt", "corrupt"])
        (bad,) = client.download_slides(slide, tmp_path / "other").results
        assert isinstance(bad.error, DigestMismatch)
        assert not bad.path.exists()


def test_files_by_address_are_compared_with_the_digest_in_the_header(slides: Any, tmp_path: Path) -> None:
    """Also where only the address is known, as in a manifest."""
    with FaultyRelay(slides.url) as relay, quick(relay.url) as client:
        one = named(client.slides(collection="Open"), slides.svs)
        assert one.url is not None
        header = slides.get(one.url).headers["Repr-Digest"]
        assert told_digests(header)["md5"] == one.md5
        relay.schedule = Planned(plan=[None, None, "corrupt", "corrupt"])
        (result,) = client.download(RemoteSeries((one.url,)), tmp_path).results
        assert isinstance(result.error, DigestMismatch)
        relay.schedule = None
        (result,) = client.download(RemoteSeries((one.url,)), tmp_path).results
        assert (result.status, result.warnings) == ("ok", ())


def test_the_cohort_table_is_a_manifest(slides: Any, tmp_path: Path) -> None:
    table = slides.get("/pathdb/system/files/collectionmetadata/cohort_builder.csv").body.decode()
    as_it_is, renamed = tmp_path / "cohort.csv", tmp_path / "images.csv"
    as_it_is.write_text(table)
    renamed.write_text(table.replace("wsiimage_url", "imageUrl", 1))
    urls = {row["wsiimage_url"] for row in csv.DictReader(io.StringIO(table))}
    with Client(slides.url) as client:
        for manifest in (as_it_is, renamed):
            report = client.download(manifest, tmp_path / manifest.stem)
            assert [result.status for result in report.results] == ["ok"] * 3
            files = [path for result in report.results for path in result.path.iterdir()]
            assert {hashlib.md5(path.read_bytes()).hexdigest() for path in files} == {
                hashlib.md5(slides.get(url).body).hexdigest() for url in urls
            }


async def _asked(url: str, target: Path) -> tuple[Any, Any]:
    async with AsyncClient(url) as client:
        found = await client.slides(collection="Open")
        return found, await client.download_slides(found, target)


def test_awaited(slides: Any, tmp_path: Path) -> None:
    found, report = asyncio.run(_asked(slides.url, tmp_path))
    with Client(slides.url) as client:
        assert found == client.slides(collection="Open")
    assert [result.status for result in report.results] == ["ok"] * 3


# -- places ----------------------------------------------------------------------------------------------


def listed(number: int, url: str | None, collection: str | None = "A") -> ListedSlide:
    nothing: dict[str, Any] = dict.fromkeys(ListedSlide.__dataclass_fields__)
    return ListedSlide(**{**nothing, "id": number, "url": url, "collection": collection, "viewer_url": ""})


def test_no_two_slides_share_a_file(tmp_path: Path) -> None:
    slides = [
        listed(1, "https://h/1/same.svs"),
        listed(2, "https://h/2/SAME.svs", "B"),
        listed(3, "https://h/3/same.svs", "B"),
        listed(4, "https://h/4/own.svs"),
        listed(4, "https://h/4/own.svs"),
    ]
    flat = [place.relative for place in place_slides(slides, tmp_path, by_collection=False)]
    assert flat[0] == "A/same.svs"
    assert [re.sub(r"2\.25\.\d+", "uid", each) for each in flat[1:]] == [
        "B/uid/SAME.svs",
        "B/uid/same.svs",
        "own.svs",
    ]
    assert len({each.lower() for each in flat}) == 4
    apart = [place.relative for place in place_slides(slides, tmp_path, by_collection=True)]
    assert apart[0] == "A/same.svs"
    assert apart[3] == "A/own.svs"


@pytest.mark.parametrize("collection", ["../up", "/etc", ".hidden", "con", "", None, "a/b", "x" * 400])
@pytest.mark.parametrize("name", ["..%2F..%2Fevil.svs", "%2e%2e", "LICENSE", "nul.svs", "a%00b.svs", ""])
def test_names_from_outside_stay_in_the_folder(tmp_path: Path, collection: str | None, name: str) -> None:
    slides = [listed(1, f"https://h/{name}", collection)]
    for by_collection in (True, False):
        (place,) = place_slides(slides, tmp_path, by_collection=by_collection)
        inside = place.file.resolve().relative_to(tmp_path.resolve())
        assert len(inside.parts) == 1 + by_collection
        assert not any(part.startswith(".") for part in inside.parts)


def test_a_receipt_from_elsewhere_names_no_file_outside(slides: Any, tmp_path: Path) -> None:
    target = tmp_path / "target"
    with Client(slides.url) as client:
        found = client.slides(subject="TCGA-AB-1234")
        (result,) = client.download_slides(found, target).results
        (receipt,) = (target / ".filmroom").glob("*.slide")
        told = json.loads(receipt.read_bytes())
        assert (told["md5"], told["url"]) == (found[0].md5, found[0].url)
        for path in ("../outside.svs", "/tmp/outside.svs", "", "Open/../../x.svs", ".filmroom/x"):
            receipt.write_text(json.dumps({**told, "path": path}))
            (place,) = place_slides(found, target, by_collection=True)
            assert place.file == result.path
        for spoiled in (b"", b"{", b"\xff", b"[]"):
            receipt.write_bytes(spoiled)
            (again,) = client.download_slides(found, target).results
            assert (again.status, again.path) == ("skipped", result.path)


def test_what_is_no_slide_is_refused(slides: Any, tmp_path: Path) -> None:
    with Client(slides.url) as client:
        with pytest.raises(InvalidInput, match="No slide"):
            client.download_slides(["https://h/a.svs"], tmp_path)  # type: ignore[list-item]
        with pytest.raises(InvalidInput, match="worker"):
            client.download_slides(client.slides(), tmp_path, workers=0)
        one = client.slides(subject="TCGA-AB-1234")[0]
        nowhere = [listed(7, None), listed(8, "public://x.svs"), listed(9, "s3://b/x.svs"), listed(10, "x y")]
        report = client.download_slides([*nowhere, one], tmp_path)
        assert [result.status for result in report.results] == ["ok", *["failed"] * 4]
        assert all(isinstance(result.error, NotFound) for result in report.failed)
    with pytest.raises(NotFound, match="lists no slides"), Client(f"{slides.url}/nowhere") as client:
        client.slides()


def test_digests_of_the_header() -> None:
    md5, sha = hashlib.md5(b"x").digest(), hashlib.sha256(b"x").digest()
    assert told_digests(repr_digest(md5=md5, sha256=sha)) == {"md5": md5.hex(), "sha256": sha.hex()}
    for bad in (
        "",
        "md5=abc",
        "md5=:!!:",
        "md5=:AAAA:",
        "crc32c=:AAAAAA==:",
        "md5=:" + "A" * 5000 + ":",
        "é",
    ):
        assert told_digests(bad) == {}


def test_the_guide(new_slides: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the guide says in Python is run."""
    (tmp_path / "in").mkdir()
    write_svs(tmp_path / "in" / "one.svs", seed=5)
    rules = Rules(collection="Demo-Slides")
    ingest_paths(new_slides.address, [tmp_path / "in"], IngestOptions(rules, processes=1))
    guide = Path(__file__).parents[2] / "docs" / "guides" / "pathology.md"
    (block,) = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block.replace("http://127.0.0.1:8080", new_slides.url), str(guide), "exec"), {})
    assert (tmp_path / "slides" / "Demo-Slides" / "one.svs").is_file()


# -- commands --------------------------------------------------------------------------------------------


def test_commands(slides: Any, tmp_path: Path) -> None:
    rows = json.loads(run_filmroom("slides", "--server", slides.url, "--format", "json").stdout)
    assert {row["name"] for row in rows} == {slides.svs, slides.plain, slides.ome}
    table = run_filmroom("slides", "--server", slides.url, "-c", "Open", "-p", "TCGA-AB-1234").stdout
    assert slides.svs in table
    assert slides.plain not in table
    ask = ("download", "--slides", "--server", slides.url, "-c", "Open", "--to", tmp_path)
    shown = run_filmroom(*ask, "--dry-run")
    assert "3 slides, " in shown.stderr
    assert "3 slides: No licence is told" in shown.stderr
    assert not (tmp_path / "Open").exists()
    done = run_filmroom(*ask)
    assert done.stdout.startswith("3 slides fetched and checked")
    assert f"fetched  {slides.svs}" in done.stderr
    again = json.loads(run_filmroom(*ask, "--format", "json").stdout)
    assert [row["status"] for row in again] == ["skipped"] * 3
    assert {row["md5"] for row in again} == {row["md5"] for row in rows}
    shutil.rmtree(tmp_path / "Open")
    for wrong in (("1.2.3",), ("--modality", "SM"), ("--manifest", "x.csv"), ("--offline", "--dry-run")):
        refused = run_filmroom(*ask, *wrong, check=2)
        assert "--collection and --patient" in refused.stderr
    assert "--collection and --patient" in run_filmroom("download", "--slides", check=2).stderr


def test_slides_are_cited_by_their_doi(
    new_slides: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILMROOM_DOI_SERVER", "http://127.0.0.1:9")
    monkeypatch.setenv("FILMROOM_DOI_RECORDS", str(tmp_path / "dois"))
    rules = Rules(collection="Cited", description_uri="https://doi.org/10.7937/Slides-1")
    (tmp_path / "cited").mkdir()
    write_svs(tmp_path / "cited" / "one.svs", seed=9)
    ingest_paths(new_slides.address, [tmp_path / "cited"], IngestOptions(rules, processes=1))
    with Client(new_slides.url) as client:
        (slide,) = client.slides(collection="Cited")
        assert slide.description_uri == "https://doi.org/10.7937/Slides-1"
        citations = client.cite(collections=["Cited"])
        assert [each.doi for each in citations.data] == ["10.7937/slides-1"]
        with pytest.raises(NotFound, match="no collection"):
            client.cite(collections=["Nowhere"])


def test_a_snapshot_says_that_it_has_no_slides(slides: Any, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    with Client(slides.url) as client:
        client.sync(snapshot)
    with Client(slides.url, snapshot=snapshot) as offline:
        with pytest.raises(NotOffline):
            offline.slides()
        with pytest.raises(NotOffline):
            offline.download_slides(listed(1, "https://h/a.svs"), tmp_path)


def test_the_five_real_slides(archive_address: ArchiveAddress, tmp_path: Path) -> None:
    if not PATHOLOGY.is_dir():
        pytest.skip("needs the real slides beside the checkout (../shared/pathology)")
    ingest_paths(archive_address, [PATHOLOGY], IngestOptions(Rules(collection="Real"), processes=1))
    with running_server(archive_address) as url, Client(url) as client:
        found = client.slides(collection="Real")
        assert len(found) == 5
        report = client.download_slides(found, tmp_path / "real")
        assert [result.status for result in report.results] == ["ok"] * 5
        for result in report.results:
            assert isinstance(result, SlideResult)
            assert result.slide is not None
            assert result.md5 == result.slide.md5 == hashlib.md5(result.path.read_bytes()).hexdigest()
