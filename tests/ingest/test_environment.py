"""Processes that read know what the program knows, whenever it learnt it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from filmroom.testing.services import PostgresServer, S3Server, institute_address

_PROGRAM = """
import json, os, sys
from pathlib import Path
from filmroom.ingest import batches
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress

batches.TASK_FILES = 2
given = json.load(sys.stdin)
for archive in given:
    os.environ.update(archive["environment"])
    data, database_url, store_url = archive["address"]
    address = ArchiveAddress(Path(data), database_url, store_url)
    options = IngestOptions(Rules(collection="C"), processes=2)
    report = ingest_paths(address, [Path(archive["source"])], options)
    print(report.stored)
"""


def test_credentials_may_come_between_two_ingests(
    tmp_path: Path, h: SimpleNamespace, s3: S3Server, postgres: PostgresServer
) -> None:
    h.write_series(tmp_path / "source", slices=8)
    local = (str(tmp_path / "one"), f"sqlite:///{tmp_path}/one/catalog.db", str(tmp_path / "one" / "store"))
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with institute_address(tmp_path / "two", postgres, s3) as institute:
        archives = [
            {"environment": {}, "address": local, "source": str(tmp_path / "source")},
            {
                "environment": credentials,
                "address": [str(institute.data), institute.database_url, institute.store_url],
                "source": str(tmp_path / "source"),
            },
        ]
        without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=json.dumps(archives),
            capture_output=True,
            text=True,
            env=without,
            timeout=120,
            check=False,
        )
    assert done.stdout.split() == ["8", "8"], done.stderr
