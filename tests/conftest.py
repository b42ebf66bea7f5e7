"""What all tests share: the real files that may lie beside the checkout, and no silent skips in CI."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filmroom.settings import ArchiveAddress
from filmroom.testing.archives import PAIRS, MakeAddress, archive_maker, shared_archive
from filmroom.testing.services import (
    PostgresServer,
    S3Server,
    running_postgres,
    running_s3,
)

SHARED = Path(__file__).parents[2] / "shared" / "dicom"


@pytest.fixture(scope="session")
def shared_dicom() -> Path:
    """The folder of real DICOM files beside the checkout; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip("needs the real DICOM files beside the checkout (../shared/dicom)")
    return SHARED


@pytest.fixture(scope="session")
def shared_spec() -> Path:
    """The folder with the list of NBIA's endpoints beside the checkout; skipped where there is none."""
    folder = SHARED.parent / "spec"
    if not folder.is_dir():
        pytest.skip("needs the list of NBIA's endpoints beside the checkout (../shared/spec)")
    return folder


@pytest.fixture(scope="session")
def shared_datacite() -> Path:
    """The folder of DataCite records and answers beside the checkout; skipped where there is none."""
    folder = SHARED.parent / "fixtures" / "datacite"
    if not folder.is_dir():
        pytest.skip("needs the DataCite records beside the checkout (../shared/fixtures/datacite)")
    return folder


@pytest.fixture(scope="session")
def shared_tables() -> Path:
    """The folder of TCIA's tables of datasets beside the checkout; skipped where there is none."""
    folder = SHARED.parent / "fixtures"
    if not folder.is_dir():
        pytest.skip("needs the tables of datasets beside the checkout (../shared/fixtures)")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one per test process."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of one test alone, to be stopped and started."""
    with running_postgres() as server:
        yield server
        server.start()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 service, one per test process, found by everything that reads the environment."""
    with running_s3() as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module", params=PAIRS)
def module_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """The address of an archive that the tests of a module share, on either pair."""
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture
def make_address(request: pytest.FixtureRequest) -> Iterator[MakeAddress]:
    """Return ``make(pair, folder)``: the address of a new archive for one test."""
    with contextlib.ExitStack() as stack:
        yield archive_maker(request, stack)


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> str:
    """On which catalogue and store the test runs: once on each of ``PAIRS``."""
    return str(request.param)


@pytest.fixture
def archive_address(pair: str, make_address: MakeAddress, tmp_path: Path) -> ArchiveAddress:
    """The address of an archive to be made, on either pair."""
    return make_address(pair, tmp_path / "archive")


@pytest.fixture
def run_client() -> Callable[..., Any]:
    """Run a client: ``run_client(python, script, *arguments, folder=…)`` gives its last line: JSON."""

    def run(python: str, script: str, *arguments: str | Path, folder: Path) -> Any:
        command = [python, "-c", script, *map(str, arguments)]
        environment = {**os.environ, "HOME": str(folder)}
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In CI a skipped test is a failed one: whatever it needs must be installed there."""
    del item, call
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
