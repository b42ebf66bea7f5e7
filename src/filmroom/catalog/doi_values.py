"""Values in queries for DOIs: moments, years and numbers as bounds, words that are alike or stand near."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

from filmroom.errors import QueryRefused

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)?Z?)?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range; None is without end."""

    low: str | None
    high: str | None
    with_low: bool = True
    with_high: bool = True


_UNITS = (dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1), dt.timedelta(seconds=1))


def period(field: str, text: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of a date and the first after it: a year is all of the year.

    :raises QueryRefused: when it is no date.
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise _wrong("date", field, text)
    parts = [int(part) for part in found.groups()[:6] if part is not None]
    try:
        start = dt.datetime(*(parts + [1, 1][len(parts) - 1 :] if len(parts) < 3 else parts))  # type: ignore[arg-type]  # noqa: DTZ001
        if found[7] is not None:
            start += dt.timedelta(milliseconds=int(found[7].ljust(3, "0")))
            return start, start + dt.timedelta(milliseconds=1)
        if len(parts) == 1:
            return start, dt.datetime(start.year + 1, 1, 1)  # noqa: DTZ001
        if len(parts) == 2:
            return start, (start + dt.timedelta(days=31)).replace(day=1)
        return start, start + _UNITS[len(parts) - 3]
    except (ValueError, OverflowError):
        raise _wrong("date", field, text) from None


def year(field: str, text: str) -> int:
    """Return a year. :raises QueryRefused: when it is none."""
    if not re.fullmatch(r"\d{1,4}", text.strip(), re.ASCII):
        raise _wrong("date", field, text)
    return int(text)


def number(field: str, text: str) -> float:
    """Return a number. :raises QueryRefused: when it is none."""
    try:
        value = float(text)
    except ValueError:
        raise _wrong("number", field, text) from None
    if not math.isfinite(value):
        raise _wrong("number", field, text)
    return value


def _wrong(kind: str, field: str, text: str) -> QueryRefused:
    return QueryRefused(f"failed to parse {kind} field [{text[:100]}] of [{field[:100]}]")


def within(word: str, other: str, most: int) -> bool:
    """Whether two words differ by at most so many letters put in, left out, changed or swapped."""
    if abs(len(word) - len(other)) > most:
        return False
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        line = [row]
        for column, there in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != there))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == there:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return False
        before, last = last, line
    return last[-1] <= most


_MOST_STEPS = 20_000


def stand_together(places: list[tuple[int, ...]], slop: int) -> bool:
    """Whether words stand in this order with at most ``slop`` foreign words between them.

    :param places: where each word of the phrase stands, ascending. Words may change places for two of slop.
    :raises QueryRefused: when that would take very long to find out.
    """
    offsets = [[place - shift for place in each] for shift, each in enumerate(places)]
    return _Fit(offsets, slop).found()


class _Fit:
    """Looks for one place of each word so that all are as near as they must be."""

    def __init__(self, offsets: list[list[int]], slop: int) -> None:
        self._offsets = offsets
        self._slop = slop
        self._steps = 0

    def found(self) -> bool:
        return any(self._rest(1, start, start, {start}) for start in self._offsets[0])

    def _rest(self, at: int, low: int, high: int, taken: set[int]) -> bool:
        if at == len(self._offsets):
            return True
        for offset in self._offsets[at]:
            # One word of the text is one word of the phrase.
            if offset < high - self._slop or offset + at in taken:
                continue
            if offset > low + self._slop:
                break
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise QueryRefused("The phrase is too long to be looked for.")
            if self._rest(at + 1, min(low, offset), max(high, offset), taken | {offset + at}):
                return True
        return False
