"""The formats in which a record, or many of them, can be asked for: one table.

Source: DataCite's API and the media types that doi.org negotiates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from filmroom.wire.datacite.csl import csl_json
from filmroom.wire.datacite.jats import jats
from filmroom.wire.datacite.json_formats import codemeta_json, crosscite_json, datacite_json
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.schema_org import schema_org
from filmroom.wire.datacite.styles import CitationOptions, formatted_citation
from filmroom.wire.datacite.text_formats import bibtex, csv_table, ris
from filmroom.wire.datacite.xml_writer import write_valid_xml

CITATION_MEDIA = "text/x-bibliography"


@dataclass(frozen=True, slots=True)
class RecordFormat:
    """``write`` makes the text of one or many records; ``aliases`` are other names of the media type."""

    name: str
    media: str
    write: Callable[[Sequence[Record], CitationOptions], str]
    aliases: tuple[str, ...] = ()


def _joined(
    write: Callable[[Record], str], between: str
) -> Callable[[Sequence[Record], CitationOptions], str]:
    return lambda records, _: between.join(map(write, records))


def _json(write: Callable[[Record], Any]) -> Callable[[Sequence[Record], CitationOptions], str]:
    """Return a writer of one object, or of an array when there are not exactly one."""

    def written(records: Sequence[Record], _: CitationOptions) -> str:
        made = [write(record) for record in records]
        return json.dumps(made[0] if len(made) == 1 else made, indent=2, ensure_ascii=False)

    return written


def _citations(records: Sequence[Record], options: CitationOptions) -> str:
    return "\n\n".join(formatted_citation(record, options) for record in records)


RECORD_FORMATS: tuple[RecordFormat, ...] = (
    RecordFormat(
        "DataCite XML",
        "application/vnd.datacite.datacite+xml",
        _joined(lambda record: write_valid_xml(record).decode(), "\n"),
        ("application/x-datacite+xml",),
    ),
    RecordFormat("DataCite JSON", "application/vnd.datacite.datacite+json", _json(datacite_json)),
    RecordFormat("Crosscite JSON", "application/vnd.crosscite.crosscite+json", _json(crosscite_json)),
    RecordFormat(
        "schema.org", "application/vnd.schemaorg.ld+json", _json(schema_org), ("application/ld+json",)
    ),
    RecordFormat(
        "CSL-JSON",
        "application/vnd.citationstyles.csl+json",
        _json(csl_json),
        ("application/citeproc+json",),
    ),
    RecordFormat("CodeMeta", "application/vnd.codemeta.ld+json", _json(codemeta_json)),
    RecordFormat("JATS", "application/vnd.jats+xml", _joined(jats, "\n")),
    RecordFormat("BibTeX", "application/x-bibtex", _joined(bibtex, "\n")),
    RecordFormat("RIS", "application/x-research-info-systems", _joined(ris, "\r\n\r\n")),
    RecordFormat("CSV", "text/csv", lambda records, _: csv_table(records)),
    RecordFormat("Citation", CITATION_MEDIA, _citations),
)

_BY_MEDIA = {media: each for each in RECORD_FORMATS for media in (each.media, *each.aliases)}


def find_format(media: str) -> RecordFormat | None:
    """Return the format of a media type in any case, None for one that is not offered."""
    return _BY_MEDIA.get(media.strip().lower())
