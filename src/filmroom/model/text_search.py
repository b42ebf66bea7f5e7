"""What text search is asked, and what it answers: words and phrases, patients and excerpts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from filmroom.errors import InvalidInput
from filmroom.model.search import FoundStudy
from filmroom.model.words import words_of

MOST_CLAUSES = 16
MOST_WORDS = 64
LONGEST_QUESTION = 4_000
SHORTEST_PREFIX = 2
"""Characters before a ``*``; a shorter beginning is taken as a whole word."""

_TERM = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other in one value; of the last one the beginning, where ``is_prefix``."""

    words: tuple[str, ...]
    is_prefix: bool = False


Clause = tuple[Phrase, ...]
"""Phrases of which any will do."""


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """Clauses that must all hold of a patient, each of any of its series. Without any, nothing is found."""

    clauses: tuple[Clause, ...] = ()


def parse_question(text: str) -> TextQuestion:
    """Read what a person typed.

    Words must all be there, in any order and any of the patient's series. ``OR`` between two of them asks for
    either, ``"quotes"`` for a phrase, ``*`` at the end of a word for any ending. A word with punctuation
    inside (``TCGA-02-0003``) is a phrase of its parts. Everything else is punctuation without meaning.

    :raises InvalidInput: for more than 16 words or phrases, 64 words in all, or 4,000 characters.
    """
    if len(text) > LONGEST_QUESTION:
        raise InvalidInput(f"A text search takes at most {LONGEST_QUESTION} characters.")
    clauses: list[list[Phrase]] = []
    is_alternative = False
    count = 0
    for match in _TERM.finditer(text):
        quoted, star, bare = match.groups()
        if bare in {"AND", "OR"}:
            is_alternative = bare == "OR"
            continue
        phrase = _phrase(quoted, ends_open=bool(star)) if bare is None else _bare_phrase(bare)
        if phrase is None:
            continue
        count += len(phrase.words)
        if is_alternative and clauses:
            clauses[-1].append(phrase)
        else:
            clauses.append([phrase])
        is_alternative = False
        if count > MOST_WORDS or sum(map(len, clauses)) > MOST_CLAUSES:
            raise InvalidInput(
                f"A text search takes at most {MOST_CLAUSES} words or phrases, of {MOST_WORDS} words in all."
            )
    return TextQuestion(tuple(dict.fromkeys(tuple(dict.fromkeys(clause)) for clause in clauses)))


def _bare_phrase(text: str) -> Phrase | None:
    stem = text.rstrip("*")
    return _phrase(stem.rstrip("."), ends_open=stem != text)


def _phrase(text: str, *, ends_open: bool) -> Phrase | None:
    words = tuple(words_of(text))
    if not words:
        return None
    return Phrase(words, is_prefix=ends_open and len(words[-1]) >= SHORTEST_PREFIX)


@dataclass(frozen=True, slots=True)
class TextHit:
    """A patient that a question finds: what the viewer may see of it, by internal numbers.

    ``excerpt`` is HTML: escaped text in which ``<em>`` marks the words.
    """

    id: int
    patient_id: str
    collection: str
    studies: tuple[FoundStudy, ...]
    excerpt: str


@dataclass(frozen=True, slots=True)
class TextIndexState:
    """How far the index is: series whose files were not read yet, and those whose files cannot be read.

    ``behind``: seconds for which the first of those that wait has been waiting.
    """

    waiting: int
    unreadable: int
    behind: float
