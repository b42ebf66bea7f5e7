"""The DataCite API over many records: one record, queries of every form, a walk through all of them.

    python bench/dois.py [--records 100000] [--archive FOLDER]

The second form measures an archive that was filled before; with records it is filled first.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from harness import Context, Section, Server, filmroom_server, number, ratio_table, table

_RECORDS, _QUICK = 100_000, 5_000
_LOOKS = 1_000
_ROUNDS = 5
_SHARED = Path(__file__).parents[2] / "shared" / "fixtures" / "datacite" / "queries.json"
# One for each form of the language; where DataCite's own cases lie beside the checkout, these are asked.
_QUERIES = (
    "titles.title:lung",
    'titles.title:"Lung CT"',
    'titles.title:"Lung of"',
    "titles.title:glio*",
    "titles.title:*blastoma",
    "titles.title:gl?oblastoma",
    "titles.title:glioblastomo~1",
    "creators.familyName:Hansen",
    "creators.name:(Hansen AND Eva)",
    "rightsList.rightsIdentifier:CC-BY-4.0",
    "rightsList.rightsIdentifier:cc-by-nc*",
    'rightsList.rights:"NIH Controlled Data Access Policy"',
    "version:[4 TO 5]",
    "relatedIdentifiers.relationType:IsDerivedFrom",
    "types.resourceTypeGeneral:Dataset",
    "publicationYear:{2015 TO 2018}",
    'publisher:"The Cancer Imaging Archive" AND publicationYear:2016',
    "created:[2023-01-01 TO *]",
    "doi:10.7937/k9*",
    "lung cancer",
    "lung OR glioblastoma",
    "lung NOT creators.familyName:Hansen",
    "(lung OR breast) AND NOT rightsList.rightsIdentifier:cc-by-3.0",
    "NOT _exists_:rightsList.rightsIdentifier",
    "citationCount:[10 TO *]",
    "aasm_state:findable",
    "nosuchword",
    "*",
)


def measure(context: Context) -> Section:
    """Fill an archive and measure it."""
    folder = context.folder("datacite") / "archive"
    fill(folder, _QUICK if context.quick else _RECORDS, context.log)
    return measured(folder)


def fill(folder: Path, records: int, log: object = print) -> None:
    """Import invented records into a new archive."""
    from filmroom.catalog import Catalog
    from filmroom.model.doi_import import records_from_json
    from filmroom.settings import ArchiveAddress
    from filmroom.testing.doi_records import doi_records

    moment = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as the catalogue keeps it
    began = time.perf_counter()
    made = (record for each in doi_records(records) for record in records_from_json(each, moment))
    with Catalog.create(ArchiveAddress.resolve(folder).database_url) as catalog:
        while some := list(itertools.islice(made, 2_000)):
            catalog.dois().import_many(some, actor="bench")
    if callable(log):
        log(f"{records} records in {time.perf_counter() - began:.0f} s")


def measured(folder: Path) -> Section:
    """Measure a filled archive."""
    section = Section("DataCite API", header=("what", "p50 ms", "p95 ms", "worst ms"))
    with filmroom_server(folder) as server:
        dois = _walk(section, server)
        looks = [_timed(server, f"/dois/{quote(doi, safe='')}") for doi in random.choices(dois, k=_LOOKS)]
        _line(section, f"one record of {len(dois):,}", looks)
        section.ratio("one DOI record, p95", _percentile(looks, 95), "ms", gate=5, at_most=True)
        _queries(section, server)
    return section


def _walk(section: Section, server: Server) -> list[str]:
    dois: list[str] = []
    peaks: list[float] = []
    began, before = time.perf_counter(), server.cpu()
    for page in _pages(server):
        dois += [each["id"] for each in page["data"]]
        peaks.append(server.peak())
    seconds, cpu = time.perf_counter() - began, server.cpu() - before
    assert len(set(dois)) == page["meta"]["total"]
    section.ratio("DOI records by cursor, pages of 1000", len(dois) / seconds, "/s", gate=5_000)
    peak, growth = number(peaks[-1]), number(max(peaks[-1] - peaks[len(peaks) // 4], 0))
    section.remarks.append(
        f"The walk of {len(dois):,} records took {seconds:.1f} s, {cpu:.1f} s of them CPU of the server;"
        f" its peak memory was {peak} MiB, {growth} MiB more than after a quarter of it."
    )
    return dois


def _pages(server: Server) -> Iterator[dict]:
    path = "/datacite/dois?disable-facets=true&page[cursor]=1&page[size]=1000"
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    while path:
        connection.request("GET", path)
        page = json.loads(connection.getresponse().read())
        yield page
        path = page["links"].get("next", "").removeprefix(server.url)
    connection.close()


def _queries(section: Section, server: Server) -> None:
    queries = (
        [each["query"] for each in json.loads(_SHARED.read_text())["cases"]] if _SHARED.exists() else _QUERIES
    )
    first = [_timed(server, f"/dois?query={quote(query)}") for query in queries]
    again: dict[str, list[float]] = {query: [] for query in queries}
    for _ in range(_ROUNDS):
        for query in queries:
            again[query].append(_timed(server, f"/dois?query={quote(query)}"))
    _line(section, f"each of {len(queries)} queries for the first time", first)
    _line(section, "the same again, over an unchanged archive", [t for each in again.values() for t in each])
    slowest = sorted(zip(first, queries, strict=True), reverse=True)[:5]
    section.remarks.append(
        "Slowest for the first time: " + "; ".join(f"`{query}` {time:.0f} ms" for time, query in slowest)
    )
    section.ratio("DOI queries for the first time, p95", _percentile(first, 95), "ms", gate=50, at_most=True)
    every = [t for each in again.values() for t in each]
    section.ratio("DOI queries again, p95", _percentile(every, 95), "ms", gate=50, at_most=True)


def _timed(server: Server, path: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.connect()
    began = time.perf_counter()
    connection.request("GET", f"/datacite{path}")
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - began
    connection.close()
    assert answer.status == 200, body[:300]
    return seconds * 1000


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def _line(section: Section, what: str, values: list[float]) -> None:
    section.figure(what, *(number(_percentile(values, percent)) for percent in (50, 95, 100)))


def main() -> None:
    """Measure as the options say, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--archive", type=Path, required=True)
    options = parser.parse_args()
    if options.records:
        fill(options.archive, options.records)
    section = measured(options.archive)
    print(ratio_table(section.ratios), table(section.header, section.figures), *section.remarks, sep="\n\n")


if __name__ == "__main__":
    main()
