"""The viewer in a real browser: it loads tiles, shows a scale, and nothing comes from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.model.slides import SlideDescription

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<script>document.title='stolen'</script>"


def rendered(url: str, profile: Path) -> str:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update", "--window-size=1000,800"]
    # Time passes for the page only while nothing is on its way.
    options += ["--virtual-time-budget=20000", f"--user-data-dir={profile}", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, url], capture_output=True, text=True, timeout=200, check=True)
    return done.stdout


def test_the_viewer_shows_a_slide(new_slides: Any, tmp_path: Path) -> None:
    number = new_slides.number(new_slides.svs)
    with Catalog.open(new_slides.address.database_url) as catalog:
        rows = [SlideDescription(new_slides.svs, stain=HOSTILE[:64], image_id=HOSTILE)]
        catalog.slide_administration().describe("Open", rows)
    page = rendered(
        f"{new_slides.url}/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId={number}",
        tmp_path / "profile",
    )
    check(page)
    assert "<title>stolen</title>" not in page


def test_the_viewer_shows_a_series(slides: Any, tmp_path: Path) -> None:
    address = f"/caMicroscope/apps/mini/viewer.html?seriesUID={slides.series}"
    page = rendered(slides.url + address, tmp_path / "profile")
    check(page)
    assert "<title>H&amp;E &lt;specimen&gt;, Open</title>" in page


def check(page: str) -> None:
    """See that the page shows tiles and a scale, all of it from here."""
    assert 'data-state="open"' in page
    assert "data-failed" not in page
    tiles = re.search(r'data-tiles="(\d+)"', page)
    assert tiles is not None
    assert int(tiles[1]) >= 4
    scale = re.search(r'<div id="scale"[^>]*>([^<]*)</div>', page)
    assert scale is not None
    assert re.fullmatch(r"[125]0* (µm|mm)", scale[1])
    assert "<canvas" in page
    outside = re.findall(r"""(?:src|href)=["']((?:https?:)?//[^"']*)""", page)
    assert outside == []
