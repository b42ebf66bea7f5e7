"""Records as BibTeX, RIS and CSV.

Sources: BibTeX's entry types and fields; the RIS format of Research Information Systems; RFC 4180.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from filmroom.wire.datacite.fill_in import filled_types
from filmroom.wire.datacite.record import Record, full_name, text

CSV_HEADER = (
    "doi",
    "url",
    "registered",
    "state",
    "resourceTypeGeneral",
    "resourceType",
    "title",
    "author",
    "publisher",
    "publicationYear",
)


def one_line(value: str | None) -> str | None:
    """Return a text without line breaks and control characters: lines have a meaning in these formats."""
    return " ".join(re.split(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", value)).strip() if value else None


def bibtex(record: Record) -> str:
    """Return a record as a BibTeX entry with a line feed at its end."""
    container, types = record.container, filled_types(record.types)
    rights = (text(each, "rights") for each in record.rights)
    fields = {
        "doi": record.stored_doi,
        "url": record.url,
        "author": " and ".join(_bibtex_names(record)),
        "keywords": ", ".join(record.subjects),
        "language": record.language,
        "title": record.title,
        "journal": text(container, "title"),
        "volume": text(container, "volume"),
        "issue": text(container, "issue"),
        "pages": record.pages,
        "publisher": text(record.publisher, "name"),
        "year": str(record.year) if record.year else None,
        "copyright": next(filter(None, rights), None),
    }
    lines = [f"  {name} = {{{shown}}}" for name, value in fields.items() if (shown := _braced(value))]
    kind = re.sub(r"[^a-z]", "", text(types, "bibtex") or "") or "misc"
    key = re.sub(r"[\s,{}\"#%~\\]", "_", record.address)
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def _bibtex_names(record: Record) -> Iterable[str]:
    for person in record.creators:
        name = full_name(person)
        if name:
            yield name if text(person, "familyName") else f"{{{_braced(name)}}}"


def _braced(value: str | None) -> str | None:
    """Return a text that stays within the braces around it."""
    line = one_line(value)
    depth = 0
    for letter in line or "":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            break
    return line if depth == 0 or line is None else line.replace("{", "").replace("}", "")


def ris(record: Record) -> str:
    """Return a record in RIS; CR LF between lines, none at the end."""
    container, types = record.container, filled_types(record.types)
    series = (text(each, "relatedIdentifier") for each in record.related("IsPartOf"))
    lines = [
        ("TY", text(types, "ris") or "GEN"),
        ("T1", record.title),
        ("T2", text(container, "title")),
        *(("AU", full_name(person)) for person in record.creators),
        ("DO", record.stored_doi),
        ("UR", record.url),
        ("AB", record.description("Abstract")),
        *(("KW", subject) for subject in record.subjects),
        ("PY", str(record.year) if record.year else None),
        ("PB", text(record.publisher, "name")),
        ("LA", record.language),
        ("VL", text(container, "volume")),
        ("IS", text(container, "issue")),
        ("SP", text(container, "firstPage")),
        ("EP", text(container, "lastPage")),
        ("SN", next(filter(None, series), None)),
    ]
    written = [f"{tag}  - {shown}" for tag, value in lines if (shown := one_line(value))]
    return "\r\n".join([*written, "ER  - "])


def csv_table(records: Iterable[Record]) -> str:
    """Return records as CSV under one header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    writer.writerows(_row(record) for record in records)
    return buffer.getvalue()


def _row(record: Record) -> list[str]:
    attributes = record.attributes
    cells = (
        record.stored_doi,
        record.url,
        text(attributes, "registered"),
        text(attributes, "state"),
        text(record.types, "resourceTypeGeneral"),
        text(record.types, "resourceType"),
        record.title,
        " and ".join(filter(None, map(full_name, record.creators))),
        text(record.publisher, "name"),
        str(record.year) if record.year else None,
    )
    return [one_line(cell) or "" for cell in cells]
