"""The functions of tcia_utils.datacite: TCIA's records as a table, their relations, what derives from them.

All pages are fetched, and a record that lacks something loses that alone. Columns are those of tcia_utils.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from filmroom.client.datacite import Datacite
from filmroom.client.datacite.relations import derived_items
from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.extras import pandas
from filmroom.dropin.session import log, quietly, session
from filmroom.wire.datacite.record import Part, Record, parts, text

COLUMNS = (
    "DOI",
    "Identifier",
    "CreatorNames",
    "Title",
    "Created",
    "Updated",
    "Related",
    "Version",
    "Rights",
    "RightsURI",
    "Description",
    "FundingReferences",
    "URL",
    "ViewCount",
    "CitationCount",
    "ReferenceCount",
)
_RELATION_COLUMNS = (
    "Source_DOI",
    "Identifier",
    "Source_Title",
    "Relation_Type",
    "Related_Identifier",
    "Source_Created",
)
_DUPLICATE_COLUMNS = ("DOI", "Identifier", "Title", "Duplicate_DOI", "Relation_Types", "Created")


def _datacite() -> Datacite:
    return Datacite(proxies=session.proxies)


@quietly
def getDoi(format: str = "") -> Any:
    """Return the records of TCIA's DOIs as a data frame.

    :param format: ``csv`` also writes the frame into a file ``datacite_<date>_<time>.csv``; ``json`` returns
        the records as DataCite sent them, all pages in one document.
    """
    with _datacite() as datacite:
        items = list(datacite.each_item(**datacite.tcia_filter()))
    if format == "json":
        return {"data": items, "meta": {"total": len(items), "totalPages": 1, "page": 1}}
    frame = pandas().DataFrame([_row(Record.of(item)) for item in items], columns=list(COLUMNS))
    if format == "csv":
        save_frame(frame, f"datacite_{stamp('%Y-%m-%d_%H%M')}.csv", index=True)
    return frame


def _row(record: Record) -> dict[str, Any]:
    given = record.attributes
    related = [
        f"{kind}: {value}"
        for each in parts(given, "relatedIdentifiers")
        if (kind := text(each, "relationType")) and (value := text(each, "relatedIdentifier"))
    ]
    identifiers = (text(each, "identifier") for each in parts(given, "identifiers"))
    values = (
        record.doi,
        next(filter(None, identifiers), None),
        "; ".join(map(_creator, parts(given, "creators"))),
        record.title,
        text(given, "created"),
        text(given, "updated"),
        "; ".join(related) or None,
        record.version,
        "; ".join(filter(None, (text(each, "rights") for each in record.rights))),
        "; ".join(filter(None, (text(each, "rightsUri") for each in record.rights))),
        record.description(),
        given.get("fundingReferences"),
        record.url,
        *(given.get(name) for name in ("viewCount", "citationCount", "referenceCount")),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _creator(person: Part) -> str:
    given, family = text(person, "givenName"), text(person, "familyName")
    name = f"{given} {family}" if given and family else text(person, "name") or ""
    found = [text(each, "nameIdentifier") for each in parts(person, "nameIdentifiers")]
    known = ", ".join(filter(None, found))
    return f"{name} ({known})" if known else name


def analyze_doi_relations(df: Any) -> tuple[Any, Any, Any]:
    """Return what the column ``Related`` of :func:`getDoi` says.

    :return: a frame of all relations, one that counts their kinds, and one of DOIs that a record names more
        than once; the newest records first. All three are empty where there are no relations.
    """
    pd = pandas()
    rows = [dict(zip(df.columns, values, strict=True)) for values in df.itertuples(index=False, name=None)]
    relations = [(row, kind, value) for row in rows for kind, value in _relations(row.get("Related"))]
    if not relations:
        return pd.DataFrame(), pd.DataFrame(), pd.DataFrame()
    told = [
        (row["DOI"], row["Identifier"], row["Title"], kind, value, row["Created"])
        for row, kind, value in relations
    ]
    frame = pd.DataFrame(told, columns=list(_RELATION_COLUMNS))
    counted = Counter(kind for _, kind, _ in relations).most_common()
    summary = pd.DataFrame(counted, columns=["Relation_Type", "Count"])
    summary["Percentage"] = (summary["Count"] / len(frame) * 100).round(2)
    repeated = [line for row in rows for line in _repeated(row)]
    duplicates = pd.DataFrame(repeated, columns=list(_DUPLICATE_COLUMNS)) if repeated else pd.DataFrame()
    return (
        frame.sort_values("Source_Created", ascending=False),
        summary,
        duplicates.sort_values("Created", ascending=False) if repeated else duplicates,
    )


def _relations(related: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(related, str):
        return
    for each in related.split("; "):
        kind, colon, value = each.partition(": ")
        if colon:
            yield kind, value


def _repeated(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the DOIs that one record names more than once, in any case, with the kinds of relation."""
    kinds: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for kind, value in _relations(row.get("Related")):
        kinds.setdefault(value.lower(), []).append(kind)
        first.setdefault(value.lower(), value)
    for key, found in kinds.items():
        if len(found) > 1:
            yield row["DOI"], row["Identifier"], row["Title"], first[key], "; ".join(found), row["Created"]


@quietly
def getDerivedDois(dois: str | Sequence[str], format: str = "df") -> Any:
    """Return the records of data sets that are derived from DOIs.

    They come from ``/dois``; the ``/works`` that tcia_utils asks was removed by DataCite in July 2026.

    :param format: ``df`` for a data frame, ``csv`` for its text, ``json`` for a list. Each record has
        ``search_related_identifier``, the DOI that it is derived from.
    """
    if format not in {"df", "csv", "json"}:
        log.error("getDerivedDois has the formats df, csv and json, not %r.", format)
        return None
    found: list[dict[str, Any]] = []
    with _datacite() as datacite:
        for doi in [dois] if isinstance(dois, str) else dois:
            items = derived_items(datacite.each_item(datacite.derived_query(doi)), doi)
            log.info("%d data sets are derived from %s.", len(items), doi)
            found += [{**item, "search_related_identifier": doi} for item in items]
    if format == "json":
        return found
    frame = pandas().json_normalize(found)
    return frame.to_csv(index=False) if format == "csv" else frame
