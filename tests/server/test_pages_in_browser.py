"""The server's own pages in a real browser: they render, run nothing foreign, load nothing from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<script>document.title='stolen'</script>"


def rendered(url: str, profile: Path) -> str:
    """Return the page's DOM after it was loaded."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_the_pages_render_and_are_their_own(tmp_path: Path) -> None:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    for name in ("Demo-CT", HOSTILE.replace("//", "/ /")):
        sample = sample_files("Demo-CT" if name == "Demo-CT" else "Demo-MR")[:1]
        ingest_paths(address, sample, IngestOptions(Rules(collection=name), processes=1))
    with running_server(address) as url:
        start = rendered(url, tmp_path / "profile")
        policy = rendered(f"{url}/policy", tmp_path / "profile")
        api = rendered(f"{url}/docs", tmp_path / "profile")
        table = rendered(f"{url}/nbia-api/services/v4/getPatient?format=html", tmp_path / "profile")
    assert "Demo-CT" in start
    assert "<title>stolen</title>" not in start
    assert "&lt;script&gt;" in start
    assert "getSeriesSize" in api
    assert api.count("<details") > 30
    assert "<table" in table.lower()
    assert '<form method="post" action="/policy/login">' in policy
    for page in (start, policy, api, table):
        assert "<script" not in page
        outside = re.findall(r"""(?:src|href)=["'](https?:)?//(?!127\\.0\\.0\\.1)[^"']*""", page)
        assert outside == []
