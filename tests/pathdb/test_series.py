"""Series of DICOM whole-slide images as slides, over a real socket: tiles, pictures and the viewer."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, IngestReport, ingest_paths
from filmroom.testing.slides import specimen

ADDRESSES = (
    "/pathdb/iiif/series/{}/info.json",
    "/pathdb/iiif/series/{}/full/64,/0/default.jpg",
    "/pathdb/iiif/series/{}/0,0,128,128/128,128/0/default.jpg",
    "/pathdb/deepzoom/series/{}.dzi",
    "/pathdb/deepzoom/series/{}_files/10/0_0.jpg",
    "/caMicroscope/apps/mini/viewer.html?seriesUID={}",
    "/pathdb/caMicroscope/apps/mini/viewer.html?mode=pathdb&seriesUID={}",
)


def shown(answer: Any) -> np.ndarray:
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"), dtype=int)


def test_information_of_a_series(slides: Any) -> None:
    base = f"/pathdb/iiif/series/{slides.series}"
    said = slides.get(f"{base}/info.json").json()
    assert said["id"] == slides.url + base
    assert (said["width"], said["height"], said["type"]) == (700, 500, "ImageService3")
    assert said["tiles"] == [{"width": 128, "height": 128, "scaleFactors": [2**n for n in range(11)]}]
    assert slides.get(base).json() == said  # after the redirection


def test_tiles_of_deepzoom_make_up_the_specimen(slides: Any) -> None:
    base = f"/pathdb/deepzoom/series/{slides.series}"
    description = slides.get(f"{base}.dzi").body.decode()
    assert re.findall(r'(TileSize|Width|Height)="(\d+)"', description) == [
        ("TileSize", "128"),
        ("Width", "700"),
        ("Height", "500"),
    ]
    whole = np.zeros((500, 700, 3), dtype=int)
    for row in range(4):
        for column in range(6):
            tile = shown(slides.get(f"{base}_files/10/{column}_{row}.jpg"))
            whole[row * 128 : row * 128 + tile.shape[0], column * 128 : column * 128 + tile.shape[1]] = tile
    assert np.abs(whole - specimen(700, 500).astype(int)).mean() < 6
    for path in ("11/0_0.jpg", "10/6_0.jpg", "10/0_4.jpg", "10/0_0.png"):
        assert slides.get(f"{base}_files/{path}").status == 404


def test_a_tile_that_lies_ready_is_given_as_it_is(slides: Any) -> None:
    ds = dcmread(slides.folder / "open" / "dicom" / "level-1.dcm")
    frame = list(generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames)))[1]
    tile = slides.get(f"/pathdb/deepzoom/series/{slides.series}_files/9/1_0.jpg")
    assert tile.status == 200
    lower = slides.get(f"/pathdb/iiif/series/{slides.series}/256,0,256,256/128,128/0/default.jpg")
    assert lower.body == tile.body
    assert tile.body.rstrip(b"\0") == frame.rstrip(b"\0")
    again = slides.get(
        f"/pathdb/deepzoom/series/{slides.series}_files/9/1_0.jpg",
        **{"If-None-Match": tile.headers["ETag"]},
    )
    assert (again.status, again.body, again.headers["Cache-Control"]) == (304, b"", "private, no-cache")


def test_regions_are_the_specimen_at_that_place(slides: Any) -> None:
    found = shown(slides.get(f"/pathdb/iiif/series/{slides.series}/33,44,300,200/max/0/default.png"))
    assert np.abs(found - specimen(700, 500)[44:244, 33:333].astype(int)).mean() < 6
    turned = shown(slides.get(f"/pathdb/iiif/series/{slides.series}/33,44,300,200/max/90/default.png"))
    assert (turned == np.rot90(found, -1)).all()


def test_the_page_of_a_series(slides: Any) -> None:
    answer = slides.get(f"/pathdb/caMicroscope/apps/mini/viewer.html?mode=pathdb&seriesUID={slides.series}")
    page = answer.body.decode()
    assert f'data-source="/pathdb/deepzoom/series/{slides.series}.dzi"' in page
    assert 'data-pixel-size="0.5"' in page
    assert 'data-objective-power="20.0"' in page
    assert "H&amp;E &lt;specimen&gt;, Open" in page
    assert "SLIDE-0" in page
    download = re.search(r'<a href="([^"]+)"', page)
    assert download is not None
    assert slides.get(download[1]).body.startswith(b"PK")


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_may_see_a_series(slides: Any, address: str) -> None:
    assert slides.get(address.format(slides.series)).status == 200
    hidden = slides.get(address.format(slides.secret_series))
    absent = slides.get(address.format("1.2.3"))
    assert (hidden.status, absent.status) == (404, 404)
    if "viewer" not in address:  # which says the number of the request
        assert hidden.body.replace(slides.secret_series.encode(), b"1.2.3") == absent.body
    assert slides.as_ann(address.format(slides.secret_series)).status == 200


@pytest.mark.parametrize(
    "name", ["x", "1..2", ".", "1.2.3/..", "%00", "1" * 65, "-1", "1.2.3%0a", "\u0661".encode().hex()]
)
def test_names_that_are_no_uids(slides: Any, name: str) -> None:
    assert slides.get(f"/pathdb/iiif/series/{name}/info.json").status == 404
    assert slides.get(f"/caMicroscope/apps/mini/viewer.html?seriesUID={name}").status == 404


def test_many_viewers_at_once_lack_no_tile(slides: Any) -> None:
    paths = [
        f"/pathdb/iiif/series/{slides.series}/{x},{y},200,200/100,100/0/default.jpg"
        for x in range(0, 500, 90)
        for y in range(0, 300, 70)
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(slides.get, paths))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == len(paths)


def test_an_agreement_stands_before_tiles(new_slides: Any) -> None:
    with Catalog.open(new_slides.address.database_url) as catalog:
        catalog.agreements().put("Be kind to the data.")
    file = new_slides.as_ann(f"/pathdb/iiif/{new_slides.number(new_slides.secret)}/info.json")
    for address in ADDRESSES:
        series = new_slides.as_ann(address.format(new_slides.secret_series))
        assert (series.status, series.headers["Content-Type"]) == (file.status, file.headers["Content-Type"])
        assert b"kind" not in series.body
    assert (file.status, b"/policy" in file.body) == (400, True)


def add(slides: Any, *paths: Path) -> IngestReport:
    return ingest_paths(slides.address, paths, IngestOptions(Rules(collection="Open"), processes=1))


def test_only_levels_of_slides_are_shown(new_slides: Any) -> None:
    with Catalog.open(new_slides.address.database_url) as catalog:
        catalog.slide_administration().set_originals("Open", given=True)
    before = shown(new_slides.get(f"/pathdb/iiif/series/{new_slides.series}/full/!64,64/0/default.jpg"))
    assert add(new_slides, new_slides.folder / "open" / "dicom").stored == 2  # label and overview
    said = new_slides.get(f"/pathdb/iiif/series/{new_slides.series}/info.json").json()
    assert (said["width"], said["height"]) == (700, 500)
    after = new_slides.get(f"/pathdb/iiif/series/{new_slides.series}/full/!64,64/0/default.jpg")
    assert (shown(after) == before).all()
    sample = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    add(new_slides, sample)
    for address in ADDRESSES:
        answer = new_slides.get(address.format(dcmread(sample).SeriesInstanceUID))
        assert (answer.status, b"Traceback" in answer.body) == (400, False)


@pytest.mark.shared
def test_real_series(new_slides: Any, shared_dicom: Path) -> None:
    add(new_slides, shared_dicom / "archive" / "DEMO-PATHOLOGY")
    images = sorted((shared_dicom / "archive" / "DEMO-PATHOLOGY").rglob("sm_image*.dcm"))
    series = {str(dcmread(path, stop_before_pixels=True).SeriesInstanceUID): path for path in images}
    assert series
    for uid, path in series.items():
        ds = dcmread(path)
        found = shown(new_slides.get(f"/pathdb/iiif/series/{uid}/full/max/0/default.png"))
        assert found.shape == (50, 50, 3)
        if ds.SamplesPerPixel == 3:
            assert (found[10:20, 20:30] == ds.pixel_array[1 * 5 + 2]).all()
