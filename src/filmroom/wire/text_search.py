"""The answers of text search, in pieces. Source: NBIA API guide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from filmroom.model.search import Page
from filmroom.model.text_search import TextHit
from filmroom.wire.simple_search import sort_name, study_identifiers

_encode = msgspec.json.encode


def list_pieces(pages: Iterable[list[TextHit]]) -> Iterator[bytes]:
    """Yield the JSON text of a list of patients, a piece per page; no page is empty."""
    opening = b"["
    for page in pages:
        # The piece is the page's own array without its brackets.
        yield opening + _encode([_patient(hit) for hit in page])[1:-1]
        opening = b","
    yield b"[]" if opening == b"[" else b"]"


def page_pieces(total: int, pages: Iterable[list[TextHit]], page: Page) -> Iterator[bytes]:
    """Yield the JSON text of a page of a result of ``total`` patients."""
    yield b'{"resultSet":'
    yield from list_pieces(pages)
    yield b"," + _encode({"totalPatients": total, "sort": sort_name(page)})[1:]


def _patient(hit: TextHit) -> dict[str, Any]:
    return {
        "subjectId": hit.patient_id,
        "project": hit.collection,
        "id": hit.id,
        "totalNumberOfStudies": len(hit.studies),
        "totalNumberOfSeries": sum(len(study.series) for study in hit.studies),
        "studyIdentifiers": study_identifiers(hit.studies),
        "hit": hit.excerpt,
    }
