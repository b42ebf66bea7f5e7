"""A record as CSL-JSON, which citation programs read. Source: CSL 1.0.2, CSL-JSON schema."""

from __future__ import annotations

import re
from typing import Any

from filmroom.wire.datacite.fill_in import filled_types
from filmroom.wire.datacite.record import Part, Record, text, without_nulls


def csl_json(record: Record) -> dict[str, Any]:
    """Return a record as a CSL item."""
    container = record.container
    types = filled_types(record.types)
    contributors = [csl_name(each) for each in record.contributors]
    editors, translators = (
        [csl_name(each) for each in record.contributors if each.get("contributorType") == kind]
        for kind in ("Editor", "Translator")
    )
    rights = (text(each, "rights") for each in record.rights)
    return without_nulls(
        {
            "type": _kind(record, types),
            "id": record.address,
            "categories": record.subjects or None,
            "language": record.language,
            "author": [csl_name(each) for each in record.creators] or None,
            "contributor": contributors or None,
            "editor": editors or None,
            "translator": translators or None,
            "issued": _issued(record),
            "abstract": record.description(),
            "container-title": _container_title(record, types),
            "DOI": record.stored_doi,
            "volume": text(container, "volume"),
            "issue": text(container, "issue"),
            "number": text(container, "number"),
            "page": record.pages,
            "publisher": text(record.publisher, "name"),
            "title": record.title,
            "URL": record.url,
            "copyright": next(filter(None, rights), None),
            "version": record.version,
        }
    )


def csl_name(person: Part) -> dict[str, str]:
    """Return a person as CSL has names; who has no family name is one text."""
    family = text(person, "familyName")
    if family is None:
        return {"literal": text(person, "name") or ""}
    given = text(person, "givenName")
    return {"family": family, "given": given} if given else {"family": family}


def _kind(record: Record, types: Part) -> str:
    if types.get("resourceTypeGeneral") == "Software" and record.version:
        return "book"
    return text(types, "citeproc") or "article"


def _container_title(record: Record, types: Part) -> str | None:
    title = text(record.container, "title")
    if title is None and types.get("citeproc") == "article-journal":
        return text(record.publisher, "name")
    return title


def _issued(record: Record) -> dict[str, Any] | None:
    numbers = date_parts(record.date("Issued")) or ([record.year] if record.year else None)
    return {"date-parts": [numbers]} if numbers else None


def date_parts(date: str | None) -> list[int] | None:
    """Return year, month and day of a date as far as they are told; of a range, those of its start."""
    found = re.match(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?", date or "")
    return [int(each) for each in found.groups() if each] if found else None
