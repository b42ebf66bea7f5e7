"""Citations as the American Psychological Association has them. Source: Publication Manual, 7th edition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from filmroom.wire.datacite.csl import csl_json
from filmroom.wire.datacite.record import DOI_RESOLVER, Record
from filmroom.wire.datacite.text_formats import one_line

_ALL_AUTHORS = 20
_BEFORE_ELLIPSIS = 19
_KINDS = {
    "dataset": "Dataset",
    "graphic": "Graphic",
    "song": "Audio recording",
    "software": "Computer software",
}


def apa(record: Record, *, html: bool = False) -> str:
    """Return a record's citation in one line.

    :param html: as a fragment of HTML, what is printed in italics marked.
    """
    item = csl_json(record)
    shown = _escaped if html else _plain
    italic = _italic if html else _plain
    authors = shown(_authors(item.get("author", ())))
    date = f"({_year(item)})."
    title = _title(item, shown, italic)
    lead = [f"{authors}{'' if authors.endswith('.') else '.'}", date, title] if authors else [title, date]
    journal = item.get("container-title") if item["type"] == "article-journal" else None
    source = _journal(item, journal, shown, italic) if journal else shown(item.get("publisher"))
    address = DOI_RESOLVER + item["DOI"]
    return " ".join(filter(None, [*lead, source and f"{source}.", shown(address)]))


def _plain(value: Any) -> str:
    return one_line(str(value)) or "" if value else ""


def _escaped(value: Any) -> str:
    return escape(_plain(value), quote=False)


def _italic(value: Any) -> str:
    return f"<i>{_escaped(value)}</i>" if value else ""


def _year(item: Mapping[str, Any]) -> str:
    issued = item.get("issued")
    return str(issued["date-parts"][0][0]) if issued else "n.d."


def _title(item: Mapping[str, Any], shown: Any, italic: Any) -> str:
    """Return title, version and kind, with a full stop."""
    in_journal = item["type"] == "article-journal" and "container-title" in item
    title = (shown if in_journal else italic)(item.get("title"))
    version = f"(Version {shown(item['version'])})" if "version" in item and not in_journal else ""
    kind = f"[{_KINDS[item['type']]}]" if item["type"] in _KINDS else ""
    text = " ".join(filter(None, (title, version, kind)))
    return text if not text or re.search(r"[.?!](</i>)?$", text) else f"{text}."


def _journal(item: Mapping[str, Any], journal: str, shown: Any, italic: Any) -> str:
    volume, issue = italic(item.get("volume")), shown(item.get("issue"))
    number = f"{volume}({issue})" if volume and issue else volume
    pages = shown(item.get("page", "").replace("-", "\u2013"))
    return ", ".join(filter(None, (italic(journal), number, pages)))


def _authors(people: Sequence[Mapping[str, str]]) -> str:
    names = [name for each in people if (name := _name(each))]
    if len(names) > _ALL_AUTHORS:
        return f"{', '.join(names[:_BEFORE_ELLIPSIS])}, … {names[-1]}"
    if len(names) > 1:
        return f"{', '.join(names[:-1])}, & {names[-1]}"
    return names[0] if names else ""


def _name(person: Mapping[str, str]) -> str:
    if "literal" in person:
        return person["literal"]
    initials = initials_of(person.get("given", ""))
    return f"{person['family']}, {initials}" if initials else person["family"]


def initials_of(given: str) -> str:
    """Return the initials of given names: ``Edwin J.R.`` becomes ``E. J. R.``, ``Jean-Luc`` ``J.-L.``

    Words in lower case are particles and stay; names of scripts without capitals stay whole.
    """
    words = re.sub(r"\.(?=[^\s.-])", ". ", given).split()
    return " ".join(filter(None, map(_initial, words)))


def _initial(word: str) -> str:
    if not word[0].isupper():
        return word if word.strip(".-") else ""
    pieces = [piece for piece in word.split("-") if piece.strip(".")]
    return "-".join(f"{piece[0]}." for piece in pieces)
