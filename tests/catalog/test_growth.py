"""A batch costs the same however much is there: nothing that a commit asks reads a whole table.

The plans are those that the engine makes in that very transaction, with tables that were never analysed,
as they are while an archive is filled for the first time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import Catalog

GROWING = {"patient", "study", "series", "instance", "stored_object", "series_text"}
# Begins with the site, of which there are few: reading by it is reading everything.
TOO_WIDE = {"ix_series_site_id_visibility_modality"}


def whole_reads(cursor: Any, statement: str, parameters: Any, *, sqlite: bool) -> Iterator[str]:
    """Yield the tables that a statement reads from end to end."""
    asking = cursor.connection.cursor()
    if sqlite:
        for row in asking.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
            words = row[3].split()
            index = words[words.index("INDEX") + 1] if "INDEX" in words else ""
            if (words[0] == "SCAN" and words[1] in GROWING) or index in TOO_WIDE:
                yield words[1]
        return
    asking.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    found = asking.fetchone()[0]
    nodes = [entry["Plan"] for entry in (json.loads(found) if isinstance(found, str) else found)]
    for node in nodes:
        nodes += node.get("Plans", [])
        kind, table = node["Node Type"], node.get("Relation Name")
        by_index = "Index" in kind
        if kind == "Seq Scan" and table in GROWING:
            yield table
        elif by_index and ("Index Cond" not in node or node.get("Index Name") in TOO_WIDE):
            yield f"{table or ''} {node.get('Index Name')}"


def test_a_commit_reads_no_table_from_end_to_end(catalog: Catalog, make: Any) -> None:
    def batch(number: int) -> list[Any]:
        return [
            make(
                f"1.9.{number}.{i}.1",
                f"1.9.{number}.{i}",
                f"1.8.{number}.{i // 2}",
                f"P{number}-{i // 2}",
                key=f"aa/{number}.pack",
            )
            for i in range(400)
        ]

    for number in range(3):
        catalog.commit_batch(None, batch(number))
    asked: list[str] = []
    found: list[tuple[str, str]] = []
    engine = catalog._database._write
    sqlite = engine.dialect.name == "sqlite"

    @sa.event.listens_for(engine, "before_cursor_execute")
    def look(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)
            found.extend(
                (table, statement) for table in whole_reads(cursor, statement, parameters, sqlite=sqlite)
            )

    outcomes = catalog.commit_batch(None, batch(3) + batch(1))
    assert {outcome.outcome for outcome in outcomes} == {"stored", "present"}
    assert found == []
    assert len(asked) > 10
