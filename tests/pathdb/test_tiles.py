"""Tiles and pictures of slides over a real socket: they show the specimen, at the right place and size."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filmroom.model.slides import Region
from filmroom.server.pathdb.tiles import Pyramid
from filmroom.slide.file import SlideFile
from filmroom.slide.tiles import picture
from filmroom.testing.slides import specimen, write_pyramid, write_svs


def shown(answer: Any) -> np.ndarray:
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"), dtype=int)


def iiif(slides: Any, name: str, request: str) -> Any:
    return slides.get(f"/pathdb/iiif/{slides.number(name)}/{request}")


def close(one: np.ndarray, other: np.ndarray, most: float = 6.0) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).mean()) <= most


def test_tiles_of_deepzoom_make_up_the_slide(slides: Any) -> None:
    number = slides.number(slides.svs)
    description = slides.get(f"/pathdb/deepzoom/{number}.dzi")
    assert description.headers["Content-Type"] == "application/xml"
    assert re.findall(r'(TileSize|Width|Height)="(\d+)"', description.body.decode()) == [
        ("TileSize", "256"),
        ("Width", "1300"),
        ("Height", "900"),
    ]
    whole = np.zeros((900, 1300, 3), dtype=int)
    for row in range(4):
        for column in range(6):
            tile = shown(slides.get(f"/pathdb/deepzoom/{number}_files/11/{column}_{row}.jpg"))
            whole[row * 256 : row * 256 + tile.shape[0], column * 256 : column * 256 + tile.shape[1]] = tile
    with SlideFile(slides.folder / "open" / slides.svs) as slide:
        true = np.asarray(picture(slide, Region(0, 0, 1300, 900, 1300, 900)), dtype=int)
    assert close(whole, true, 2.0)
    assert shown(slides.get(f"/pathdb/deepzoom/{number}_files/0/0_0.jpg")).shape == (1, 1, 3)
    for path in ("12/0_0.jpg", "11/6_0.jpg", "11/0_4.jpg", "11/0_0.png", "x/0_0.jpg", "11/-1_0.jpg"):
        assert slides.get(f"/pathdb/deepzoom/{number}_files/{path}").status == 404


def test_a_tile_that_lies_ready_is_given_as_it_is(slides: Any) -> None:
    number = slides.number(slides.svs)
    tile = slides.get(f"/pathdb/deepzoom/{number}_files/11/1_1.jpg").body
    file = (slides.folder / "open" / slides.svs).read_bytes()
    scan = tile[tile.rindex(b"\xff\xda") :]  # the coded picture itself
    assert len(scan) > 1_000
    assert scan in file
    same = iiif(slides, slides.svs, "256,256,256,256/256,256/0/default.jpg")
    assert same.body == tile


def test_every_stored_level_serves_a_size_of_the_pyramid(tmp_path: Path) -> None:
    with SlideFile(write_svs(tmp_path / "a.svs", width=1303, height=1101)) as slide:
        pyramid = Pyramid.of(slide.facts)
    assert pyramid.tile == 256
    # 1303 / 4 is 325.75: the scanner's level has 326 columns, and so has the size that halves.
    assert {step.factor: step.stored for step in pyramid.steps if step.stored is not None} == {1: 0, 4: 1}
    with SlideFile(write_pyramid(tmp_path / "b.tif")) as slide:
        assert {step.stored for step in Pyramid.of(slide.facts).steps} == {None}


def test_information_of_a_picture(slides: Any) -> None:
    number = slides.number(slides.svs)
    answer = iiif(slides, slides.svs, "info.json")
    said = answer.json()
    assert said["id"] == f"{slides.url}/pathdb/iiif/{number}"
    assert (said["type"], said["profile"]) == ("ImageService3", "level2")
    assert (said["width"], said["height"]) == (1300, 900)
    assert said["tiles"] == [{"width": 256, "height": 256, "scaleFactors": [2**n for n in range(12)]}]
    assert (
        answer.headers["Access-Control-Allow-Origin"] == "*"
        or slides.get(f"/pathdb/iiif/{number}/info.json", Origin="https://example.org").headers[
            "Access-Control-Allow-Origin"
        ]
        == "*"
    )
    assert slides.get(f"/pathdb/iiif/{number}").json() == said  # after the redirection
    ld = slides.get(f"/pathdb/iiif/{number}/info.json", Accept="application/ld+json")
    assert ld.headers["Content-Type"].startswith("application/ld+json")


@pytest.mark.parametrize(
    ("request_", "region", "size"),
    [
        ("full/max/0/default.jpg", (0, 0, 700, 500), (700, 500)),
        ("full/350,/0/default.jpg", (0, 0, 700, 500), (350, 250)),
        ("full/,250/0/default.jpg", (0, 0, 700, 500), (350, 250)),
        ("full/!100,100/0/default.jpg", (0, 0, 700, 500), (100, 71)),
        ("full/pct:10/0/default.jpg", (0, 0, 700, 500), (70, 50)),
        ("full/100,100/0/default.jpg", (0, 0, 700, 500), (100, 100)),
        ("square/max/0/default.png", (100, 0, 500, 500), (500, 500)),
        ("pct:10,20,50,40/max/0/default.png", (70, 100, 350, 200), (350, 200)),
        ("33,44,55,66/max/0/default.png", (33, 44, 55, 66), (55, 66)),
        ("600,400,500,500/max/0/default.png", (600, 400, 100, 100), (100, 100)),
        ("0,0,10,10/^20,/0/default.png", (0, 0, 10, 10), (20, 20)),
    ],
)
def test_regions_and_sizes(
    slides: Any, request_: str, region: tuple[int, ...], size: tuple[int, int]
) -> None:
    found = shown(iiif(slides, slides.plain, request_))
    x, y, width, height = region
    true = Image.fromarray(specimen(700, 500)[y : y + height, x : x + width])
    if true.size != size:
        true = true.resize(size, Image.Resampling.LANCZOS)
    assert close(found, np.asarray(true, dtype=int), 14.0 if true.size != (width, height) else 6.0)


def test_turned_mirrored_grey(slides: Any) -> None:
    true = specimen(700, 500)[0:100, 0:200].astype(int)
    ask = "0,0,200,100/max/{}/default.png"
    assert (shown(iiif(slides, slides.plain, ask.format("0"))) == true).all()
    assert (shown(iiif(slides, slides.plain, ask.format("90"))) == np.rot90(true, -1)).all()
    assert (shown(iiif(slides, slides.plain, ask.format("180"))) == np.rot90(true, 2)).all()
    assert (shown(iiif(slides, slides.plain, ask.format("270"))) == np.rot90(true, 1)).all()
    assert (shown(iiif(slides, slides.plain, ask.format("!0"))) == true[:, ::-1]).all()
    assert (shown(iiif(slides, slides.plain, ask.format("!90"))) == np.rot90(true[:, ::-1], -1)).all()
    grey = shown(iiif(slides, slides.plain, "0,0,200,100/max/0/gray.png"))
    assert (grey[..., 0] == grey[..., 2]).all()
    two = shown(iiif(slides, slides.plain, "0,0,200,100/max/0/bitonal.png"))
    assert set(np.unique(two)) == {0, 255}


@pytest.mark.parametrize(
    "request_",
    [
        "full/max/45/default.jpg",
        "full/max/0/sepia.jpg",
        "full/max/0/default.gif",
        "0,0,0,10/max/0/default.jpg",
        "700,0,10,10/max/0/default.jpg",
        "-1,0,10,10/max/0/default.jpg",
        "pct:200,0,10,10/max/0/default.jpg",
        "full/,/0/default.jpg",
        "full/0,/0/default.jpg",
        "full/1000,/0/default.jpg",
        "full/^100000,100000/0/default.jpg",
        "full/!10,/0/default.jpg",
        "full/pct:0/0/default.jpg",
        "full/" + "9" * 400 + ",/0/default.jpg",
        "nan,0,1,1/max/0/default.jpg",
    ],
)
def test_requests_that_cannot_be_answered(slides: Any, request_: str) -> None:
    answer = iiif(slides, slides.plain, request_)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_pictures_that_a_client_has_are_not_sent_again(slides: Any) -> None:
    number = slides.number(slides.svs)
    for path in (
        f"/pathdb/deepzoom/{number}_files/11/1_1.jpg",
        f"/pathdb/iiif/{number}/full/64,/0/default.jpg",
    ):
        answer = slides.get(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = slides.get(path, **{"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")


def test_many_viewers_at_once_lack_no_tile(slides: Any) -> None:
    numbers = [slides.number(name) for name in (slides.svs, slides.plain, slides.ome)]
    paths = [
        f"/pathdb/iiif/{number}/{x},{y},200,200/100,100/0/default.jpg"
        for number in numbers
        for x in range(0, 500, 90)
        for y in range(0, 300, 70)
    ]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(slides.get, paths))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == len(paths)


def test_slides_whose_directories_are_elsewhere_are_shown(slides: Any) -> None:
    found = shown(iiif(slides, slides.ome, "100,100,300,200/max/0/default.png"))
    assert close(found, specimen(700, 500)[100:300, 100:400].astype(int), 12.0)
