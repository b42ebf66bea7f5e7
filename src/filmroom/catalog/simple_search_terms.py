"""Distinct texts by number, and which of them are, or tell of, what is looked for."""

from __future__ import annotations

import re
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from filmroom.model.search import wildcard_pattern

Bools = NDArray[np.bool_]
Numbers = NDArray[np.int32]

_ANY = "*"


@dataclass(frozen=True, slots=True)
class _Order:
    """Texts in upper case in their order: the number of each, and by number its place."""

    numbers: Numbers
    folded: list[str]
    ranks: Numbers


class Terms:
    """Distinct texts, numbered in the order in which they came; a number never changes its meaning."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._folded: list[str] = []
        self._order = _Order(np.empty(0, np.int32), [], np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        return self._texts[number]

    def encode(self, texts: Sequence[str]) -> Numbers:
        """Return the numbers of texts, giving new ones to those that are new. For one thread at a time."""
        for text in dict.fromkeys(texts):
            if text not in self._numbers:
                self._numbers[text] = len(self._texts)
                self._texts.append(text)
                self._folded.append(text.upper())
        return np.fromiter(map(self._numbers.__getitem__, texts), np.int32, len(texts))

    def among(self, texts: Iterable[str]) -> Bools:
        """Return by number whether a text is one of these, whatever its case."""
        wanted = {text.upper() for text in texts}
        return self.where_folded(wanted.__contains__)

    def where(self, holds: Callable[[str], object]) -> Bools:
        """Return by number whether a condition holds for the text."""
        return np.fromiter(map(bool, map(holds, self._texts[:])), np.bool_)

    def where_folded(self, holds: Callable[[str], object]) -> Bools:
        """Return by number whether a condition holds for the text in upper case."""
        return np.fromiter(map(bool, map(holds, self._folded[:])), np.bool_)

    def ranks(self) -> Numbers:
        """Return by number the place of the text in the order that ignores case."""
        return self._in_order().ranks

    def _in_order(self) -> _Order:
        order = self._order
        count = len(self._folded)  # the last to grow
        if len(order.ranks) != count:
            numbers = sorted(range(count), key=lambda number: (self._folded[number], self._texts[number]))
            ranks = np.empty(count, np.int32)
            ranks[numbers] = np.arange(count, dtype=np.int32)
            order = self._order = _Order(
                np.asarray(numbers, np.int32), [self._folded[number] for number in numbers], ranks
            )
        return order

    def named(self, names: Sequence[str]) -> Bools:
        """Return by number whether a text is one of some names, in which ``*`` stands for any characters."""
        order = self._in_order()
        # After it, so that it is not shorter where texts come in meanwhile.
        found = self.among(name for name in names if _ANY not in name)
        for name in {name.upper() for name in names if _ANY in name}:
            first = name.partition(_ANY)[0]
            begin = bisect_left(order.folded, first)
            end = bisect_right(order.folded, first, begin, key=itemgetter(slice(len(first))))
            places: Sequence[int] = range(begin, end)
            if name.rstrip(_ANY) != first:
                fits = re.compile(wildcard_pattern(name, "."), re.DOTALL).fullmatch
                places = [place for place in places if fits(order.folded[place])]
            found[order.numbers[places]] = True
        return found


class Phrases(Terms):
    """Texts of several words, found by the words in them."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._holders: dict[str, array[int]] = {}

    def encode(self, texts: Sequence[str]) -> Numbers:
        before = len(self._folded)
        numbers = super().encode(texts)
        with self._turn:
            for number in range(before, len(self._folded)):
                for word in set(re.findall(r"\w+", self._folded[number])):
                    self._holders.setdefault(word, array("i")).append(number)
        return numbers

    def telling(self, descriptions: Iterable[str]) -> Bools:
        """Return by number whether a text has one of some words or ``"phrases in quotes"``.

        Whole words count, in whatever case; ``*`` in a word stands for any letters and digits. Words that
        no space parts, as in ``T2-weighted``, are a phrase. A description without a word finds nothing.
        """
        found = np.zeros(len(self._folded), np.bool_)
        for description in descriptions:
            for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', description.upper()):
                words = re.findall(r"[\w*]+", phrase or word)
                if any(each.strip(_ANY) for each in words):
                    numbers = self._having(words)
                    found[numbers[numbers < len(found)]] = True  # others came in meanwhile
        return found

    def _having(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of the texts in which some words follow each other."""
        candidates = reduce(np.intersect1d, (self._holding(word) for word in words))
        if len(words) == 1:
            return candidates
        phrase = r"\W+".join(wildcard_pattern(word, r"\w") for word in words)
        told = re.compile(rf"(?<!\w){phrase}(?!\w)")
        return np.asarray([each for each in candidates.tolist() if told.search(self._folded[each])], np.int64)

    def _holding(self, word: str) -> NDArray[np.int64]:
        with self._turn:
            if _ANY not in word:
                return np.array(self._holders.get(word, ()), np.int64)
            fits = re.compile(wildcard_pattern(word, r"\w")).fullmatch
            holders = [np.array(some, np.int64) for each, some in self._holders.items() if fits(each)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *holders]))
