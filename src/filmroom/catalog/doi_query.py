"""Query strings of lists of DOIs: from what somebody typed to a tree, with everything refused that is none.

The language is Elasticsearch's ``query_string`` as DataCite offers it. Chains that mix AND and OR without
brackets follow strict precedence, AND before OR; Lucene's own parser has older rules there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from luqum.exceptions import ParseError
from luqum.thread import parse
from luqum.tree import Item

from filmroom.errors import QueryRefused

LONGEST_QUERY = 4_096
DEEPEST_QUERY = 20

# Replaced wherever they stand, also inside quotes and other words, in this order.
_REPLACED = (
    ("publicationYear", "publication_year"),
    ("relatedIdentifiers", "related_identifiers"),
    ("relatedItems", "related_items"),
    ("rightsList", "rights_list"),
    ("fundingReferences", "funding_references"),
    ("geoLocations", "geo_locations"),
    ("version:", "version_info:"),
    ("landingPage", "landing_page"),
    ("contentUrl", "content_url"),
    ("citationCount", "citation_count"),
    ("viewCount", "view_count"),
    ("downloadCount", "download_count"),
    ("publisher.name", "publisher_obj.name"),
    ("publisher.publisherIdentifierScheme", "publisher_obj.publisherIdentifierScheme"),
    ("publisher.publisherIdentifier", "publisher_obj.publisherIdentifier"),
    ("publisher.schemeUri", "publisher_obj.schemeUri"),
    ("publisher.lang", "publisher_obj.lang"),
    ("schemaVersion", "schema_version"),
    ("/", "\\/"),
)
_PART = re.compile(r'"(?:\\.|[^"\\])*"?|\\.|&&|\|\||!|[()]|\s+|[^"\\&|!()\s]+|.', re.DOTALL)


def parsed(query: str) -> Item | None:
    """Return the tree of a query string, None for one that asks for nothing.

    :raises QueryRefused: when it cannot be understood, or is longer or deeper than is answered.
    """
    if not query.strip():
        return None
    if len(query) > LONGEST_QUERY:
        raise QueryRefused(f"A query has at most {LONGEST_QUERY} characters.")
    text = query
    for old, new in _REPLACED:
        text = text.replace(old, new)
    parts = list(_words_for_signs(text))
    _check_depth(parts)
    try:
        tree = parse("".join(parts))
    except (ParseError, RecursionError, ValueError, ArithmeticError):
        raise _unparseable(query) from None
    if not isinstance(tree, Item):
        raise _unparseable(query)
    return tree


def _unparseable(query: str) -> QueryRefused:
    return QueryRefused(f"Failed to parse query [{query}]")


def _words_for_signs(text: str) -> Iterator[str]:
    """Yield the parts of a text with ``&&``, ``||`` and ``!`` as the words that the parser knows."""
    before = " "
    for part in _PART.findall(text):
        if part == "&&":
            yield " AND "
        elif part == "||":
            yield " OR "
        elif part == "!" and (before.isspace() or before == "("):
            yield " NOT "
        else:
            yield part
        before = part


def _check_depth(parts: list[str]) -> None:
    depth = 0
    for part in parts:
        depth += (part == "(") - (part == ")")
        if depth > DEEPEST_QUERY:
            raise QueryRefused(f"A query is at most {DEEPEST_QUERY} brackets deep.")
    if sum(part.strip() == "NOT" for part in parts) > LONGEST_QUERY // 8:
        raise QueryRefused("A query has too many negations.")


# -- words with wildcards --------------------------------------------------------------------------------


class Wild(Enum):
    """A part of a word that stands for others."""

    ANY = "*"
    ONE = "?"


def pieces(value: str) -> list[str | Wild]:
    """Return the parts of a word: texts that stand for themselves, and wildcards between them."""
    found: list[str | Wild] = []
    literal = ""
    characters = iter(value)
    for character in characters:
        if character in "*?":
            found += [literal] if literal else []
            found.append(Wild(character))
            literal = ""
        else:
            literal += next(characters, "\\") if character == "\\" else character
    return [*found, literal] if literal else found


def unescaped(value: str) -> str:
    """Return a text without its backslashes, each of which makes the next character stand for itself."""
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
