"""What names its series costs by them: no question about lists or of the drill-down reads a whole table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.model.access import Role, Scope, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.model.lists import NewList
from filmroom.model.queries import FindSeriesRecords

GROWING = {"patient", "study", "series", "instance", "shared_list", "shared_list_entry"}
# They begin with the site, of which there are few: reading by them is reading everything.
TOO_WIDE = {"ix_series_site_id_visibility_modality", "ix_series_site_id_series_instance_uid"}


def whole_reads(cursor: Any, statement: str, parameters: Any, *, sqlite: bool) -> Iterator[str]:
    """Yield the tables that a statement can only read from end to end."""
    asking = cursor.connection.cursor()
    if sqlite:
        for row in asking.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
            words = row[3].split()
            index = words[words.index("INDEX") + 1] if "INDEX" in words else ""
            if (words[0] == "SCAN" and words[1] in GROWING) or index in TOO_WIDE:
                yield row[3]
        return
    # A table of a few rows is read whole, whatever indexes it has.
    asking.execute("SET enable_seqscan = off")
    asking.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    found = asking.fetchone()[0]
    nodes = [entry["Plan"] for entry in (json.loads(found) if isinstance(found, str) else found)]
    for node in nodes:
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in GROWING:
            yield str(node["Relation Name"])


@pytest.fixture
def visible(catalog: Catalog, make: Callable[..., Any]) -> VisibleSet:
    """What a reviewer sees of forty series."""
    place = Assignment("Open", "Open")
    catalog.commit_batch(
        None, [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", f"P{n}", assignment=place) for n in range(40)]
    )
    catalog.accounts().add("alice", "correct horse battery")
    catalog.grants().add(Grant("Open", None, Role.MANAGE_VISIBILITY_STATUS.value, user="alice"))
    issued = catalog.tokens().log_in("alice", "correct horse battery", TokenLifetimes())
    return VisibleSet(catalog.tokens().viewer(issued.access), Scope.SEARCH)


def test_named_series_are_found_by_their_names(catalog: Catalog, visible: VisibleSet) -> None:
    engines = {catalog._database._read, catalog._database._write}
    sqlite = catalog._database.backend == "sqlite"
    asked: list[str] = []
    found: list[tuple[str, str]] = []

    def look(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if statement.startswith("SELECT") and "pg_advisory" not in statement:
            asked.append(statement)
            reads = whole_reads(cursor, statement, parameters, sqlite=sqlite)
            found.extend((table, statement) for table in reads)

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", look)
    uids = tuple(f"1.{n}.1" for n in range(30))
    catalog.lists().create(NewList("ours", uids), visible)
    assert len(catalog.lists().find("ours", VisibleSet()).entries) == 30
    assert sum(len(page) for page in catalog.lists().rows("ours", VisibleSet())[1]) == 30
    studies = [study for page in catalog.drill_down().studies(uids, visible) for study in page]
    keys = [series["series_key"] for study in studies for series in study["series"]]
    assert len(keys) == 30
    assert sum(len(page) for page in catalog.drill_down().studies(keys, visible)) == 30
    assert sum(len(page) for page in catalog.drill_down().images(keys, visible)) == 30
    review = FindSeriesRecords((uids,), for_review=True)
    assert sum(len(page) for page in catalog.rows(review, visible)) == 30
    catalog.lists().delete("ours", visible)
    assert len(asked) > 12
    assert found == []


def test_a_page_costs_the_same_number_of_statements(catalog: Catalog, visible: VisibleSet) -> None:
    def statements(work: Callable[[], Any]) -> int:
        counted: list[str] = []

        def count(*arguments: Any) -> None:
            if arguments[2].startswith("SELECT"):
                counted.append(arguments[2])

        sa.event.listen(catalog._database._read, "before_cursor_execute", count)
        work()
        sa.event.remove(catalog._database._read, "before_cursor_execute", count)
        return len(counted)

    few, many = [f"1.{n}.1" for n in range(2)], [f"1.{n}.1" for n in range(40)]
    for drilled in (
        lambda uids: list(catalog.drill_down().studies(uids, visible)),
        lambda uids: list(catalog.drill_down().images([int(uid.split(".")[1]) + 1 for uid in uids], visible)),
        lambda uids: list(catalog.rows(FindSeriesRecords((tuple(uids),), for_review=True), visible)),
    ):
        assert statements(lambda work=drilled: work(few)) == statements(lambda work=drilled: work(many)) <= 2
