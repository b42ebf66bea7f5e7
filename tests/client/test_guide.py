"""The tour of the guide is what a newcomer may paste: every line of it is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from filmroom.client import Records, SearchResult, verify
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.entities import Licence
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "client.md"
TOUR = re.compile(r"^## A tour of the library$(.*?)^## ", re.MULTILINE | re.DOTALL)


def test_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    licence = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/by/4.0/")
    rules = Rules(collection="Demo-Phantom", licence=licence)
    ingest_paths(address, write_phantom(tmp_path / "in"), IngestOptions(rules, 1))
    tour = TOUR.search(GUIDE.read_text())
    assert tour is not None
    blocks = re.findall(r"```python\n(.*?)```", tour[1], re.DOTALL)
    assert len(blocks) > 4
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with running_server(address) as url:
        for block in blocks:
            exec(compile(block.replace("http://127.0.0.1:8080", url), str(GUIDE), "exec"), names)
        names["client"].close()
    assert isinstance(names["series"], Records)
    assert (len(names["series"]), len(names["frame"]), len(names["records"])) == (3, 3, 3)
    assert (tmp_path / "series.csv").read_text().count("\n") == 4
    assert isinstance(names["found"], SearchResult)
    assert (names["found"].total, len(names["uids"]), len(names["report"].ok)) == (1, 2, 2)
    assert verify(tmp_path / "phantom").ok
