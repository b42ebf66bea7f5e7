"""Addresses of archives for tests: on SQLite and a folder, and on PostgreSQL and a bucket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filmroom.settings import ArchiveAddress
from filmroom.testing.services import institute_address

if TYPE_CHECKING:
    import pytest

PAIRS = ("embedded", "institute")
"""SQLite with a folder, and PostgreSQL with an S3 bucket."""

MakeAddress = Callable[[str, Path], ArchiveAddress]


def archive_maker(request: pytest.FixtureRequest, stack: contextlib.ExitStack) -> MakeAddress:
    """Return ``make(pair, folder)``: the address of a new archive, which goes away with the stack.

    The fixtures ``postgres`` and ``s3`` are used where they are needed.
    """

    def make(pair: str, folder: Path) -> ArchiveAddress:
        if pair == "embedded":
            return ArchiveAddress.resolve(folder)
        postgres, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3")
        return stack.enter_context(institute_address(folder, postgres, s3))

    return make


def shared_archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """Give the address of a new archive on the pair that a fixture has as its parameter.

    For fixtures of which tests share the archive. Each folder of tests has one of its own, for what one of
    them fills in would be found by another.
    """
    with contextlib.ExitStack() as stack:
        yield archive_maker(request, stack)(request.param, tmp_path_factory.mktemp("archive"))
