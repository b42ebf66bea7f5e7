"""The words of a text, as text search compares them: one rule for what is indexed and what is asked.

A word is a run of letters and digits, without case and accents; numbers keep the dots between their digits,
so that ``2.5`` and a UID are one word each. Of scripts that write no spaces (Han, kana) each character is a
word. The rule is ours and not that of a database, so that every engine finds the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST_WORD = 80
"""Characters of a word that count; a UID has at most 64."""

# Blocks of punctuation, symbols, arrows, lone surrogates and noncharacters; what is left beyond ASCII counts
# as a letter, whatever a version of Unicode calls it, so that an index outlives the version it was made with.
_SEPARATORS = (
    r"\x80-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f\u3000-\u303f\u30fb"
    r"\ud800-\udfff\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"
)
_ALONE = r"\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_NUMBER = r"[0-9]+(?:\.[0-9]+)+"
_WORD = re.compile(rf"{_NUMBER}|[{_ALONE}]|[^\x00-/:-@\[-`{{-\x7f{_SEPARATORS}{_ALONE}]+")
_ASCII_WORD = re.compile(rf"{_NUMBER}|[0-9a-z]+")


@lru_cache(maxsize=8192)
def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()[:LONGEST_WORD]
    plain = unicodedata.normalize("NFKD", word).casefold()
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    # A compatibility character may stand for several, with punctuation among them.
    return "".join(_WORD.findall(letters))[:LONGEST_WORD]


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order, folded."""
    if text.isascii():
        return [word[:LONGEST_WORD] for word in _ASCII_WORD.findall(text.lower())]
    return [word for _, _, word in placed_words(text)]


def placed_words(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield beginning, end and folded form of each word of a text."""
    for match in _WORD.finditer(text):
        if word := _folded(match[0]):
            yield match.start(), match.end(), word
