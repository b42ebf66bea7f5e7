"""Pieces of text around the words that were asked for, as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from filmroom.model.text_search import Phrase
from filmroom.model.words import placed_words

_AROUND = 60
_MOST_PIECES = 4
_BETWEEN = " … "

Place = tuple[int, int, str]


def excerpts(values: Iterable[str], phrases: Sequence[Phrase]) -> list[str]:
    """Return pieces of those values that hold phrases, each phrase at least once where there is room.

    A piece is escaped for HTML; the words of phrases stand between ``<em>`` and ``</em>`` in it.
    """
    pieces: list[str] = []
    missing = set(phrases)
    for value in values:
        if not missing or len(pieces) >= _MOST_PIECES:
            break
        places = list(placed_words(value))
        found = {phrase: _marks(places, phrase) for phrase in phrases}
        if any(found[phrase] for phrase in missing):
            missing -= {phrase for phrase, marks in found.items() if marks}
            pieces.append(_piece(value, sorted(set().union(*found.values()))))
    return pieces


def joined(pieces: Iterable[str]) -> str:
    """Return pieces as one text, equal ones once."""
    return _BETWEEN.join(list(dict.fromkeys(pieces))[:_MOST_PIECES])


def _marks(places: Sequence[Place], phrase: Phrase) -> set[tuple[int, int]]:
    """Return beginning and end of every word that belongs to an occurrence of a phrase."""
    marks: set[tuple[int, int]] = set()
    size = len(phrase.words)
    *firsts, last = phrase.words
    for start in range(len(places) - size + 1):
        run = places[start : start + size]
        if [word for _, _, word in run[:-1]] != firsts:
            continue
        word = run[-1][2]
        if word == last or (phrase.is_prefix and word.startswith(last)):
            marks.update((begin, end) for begin, end, _ in run)
    return marks


def _piece(value: str, marks: Sequence[tuple[int, int]]) -> str:
    begin = max(0, marks[0][0] - _AROUND)
    end = min(len(value), max(marks[0][1], begin) + 2 * _AROUND)
    parts, position = [], begin
    for first, last in marks:
        if last > end:
            break
        parts += [html.escape(value[position:first]), "<em>", html.escape(value[first:last]), "</em>"]
        position = last
    parts.append(html.escape(value[position : max(position, end)]))
    return ("…" if begin else "") + "".join(parts) + ("…" if end < len(value) else "")
