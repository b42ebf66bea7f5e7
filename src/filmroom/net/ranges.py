"""Continuing a transfer inside a body: Range, If-Range, Content-Range (RFC 9110 sections 13.1.5 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from filmroom.errors import BadAnswer

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Bytes ``start`` (inclusive) to ``end`` (exclusive) of ``total`` (None when the server does not say)."""

    start: int
    end: int
    total: int | None


def strong_etag(value: str | None) -> str | None:
    """Return an ``ETag`` if it is a strong one, the only kind that ``If-Range`` may carry."""
    return value if value is not None and _STRONG_ETAG.fullmatch(value) else None


def continuation_headers(offset: int, etag: str) -> dict[str, str]:
    """Return the request headers for "from this byte on, if it is still the same body"."""
    return {"Range": f"bytes={offset}-", "If-Range": etag}


def parse_content_range(value: str) -> ContentRange:
    """Parse a ``Content-Range`` header.

    :raises BadAnswer: when it is not one, or contradicts itself.
    """
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise BadAnswer(f"The server sent an illegible Content-Range: {value[:80]!r}.")
    start, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if last < start or (total is not None and last >= total):
        raise BadAnswer(f"The server sent a Content-Range that contradicts itself: {value[:80]!r}.")
    return ContentRange(start, last + 1, total)


def continues(status: int, headers: Mapping[str, str], *, offset: int, etag: str, total: int | None) -> bool:
    """Return whether an answer carries on at ``offset``; False means that the body begins anew.

    :param headers: response headers, read by lower-case name.
    :raises BadAnswer: when a 206 is not the part that was asked for.
    """
    if status != 206:
        return False
    part = parse_content_range(headers.get("content-range", ""))
    if headers.get("etag", etag) != etag:
        raise BadAnswer("The server continued another version of the series than the one begun.")
    if part.start != offset or (total is not None and part.total not in {None, total}):
        raise BadAnswer(f"The server sent bytes from {part.start} where {offset} were asked for.")
    return True
