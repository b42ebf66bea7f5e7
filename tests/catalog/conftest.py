"""Records as ingest delivers them, made by hand: what the catalogue does with them is what is tested."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from filmroom.catalog import Catalog
from filmroom.catalog.schema import metadata
from filmroom.model.entities import Assignment, IncomingInstance, Location, ReadInstance
from filmroom.testing.services import PostgresServer

Make = Callable[..., IncomingInstance]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a catalogue to be made, on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as made:
            yield made


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.create(url) as made:
        yield made


@pytest.fixture
def differences() -> Callable[[sa.Connection], list[Any]]:
    """Return what compares a catalogue with the declared tables: a list of what differs."""

    def compared(connection: sa.Connection) -> list[Any]:
        def is_comparable(_object: Any, name: str | None, *_: Any) -> bool:
            # SQLite's full-text index is a virtual table, with tables of its own.
            return engine != "sqlite" or not (name or "").startswith("series_words")

        engine = connection.dialect.name
        options = {"include_object": is_comparable}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    return compared


@pytest.fixture
def make(maker: Make) -> Make:
    """Return a maker of incoming instances: ``make(sop, series, study, patient, collection=…, …)``."""
    return maker


@pytest.fixture(scope="session")
def maker() -> Make:
    """The same, for archives that several tests look at."""

    def incoming(
        sop: str = "1.2.3.1",
        series: str = "1.2.3",
        study: str = "1.2",
        patient: str = "P1",
        *,
        content: bytes = b"x",
        assignment: Assignment | None = None,
        collection: str = "C1",
        key: str | None = None,
        **values: Any,
    ) -> IncomingInstance:
        fields = {
            "sop_instance_uid": sop,
            "series_instance_uid": series,
            "study_instance_uid": study,
            "patient_id": patient,
            "modality": "CT",
            "study_date": dt.date(2020, 1, 2),
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
            **values,
        }
        read = ReadInstance(
            values={name: value for name, value in fields.items() if value is not None},
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            size=len(content),
            md5=hashlib.md5(content).digest(),
            sha256=hashlib.sha256(content + sop.encode()).digest(),
            crc32=1,
        )
        location = Location(key or f"ab/cd/{sop}.dcm", 0, len(content), len(content))
        return IncomingInstance(
            read, assignment or Assignment(collection, collection), location, f"/data/{sop}.dcm"
        )

    return incoming
