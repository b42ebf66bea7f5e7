"""The spellings of dates that NBIA uses, written and read.

Patterns are named in Java letters as in the NBIA guides. Timestamps have no zone on the wire; ours are UTC.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Cached because an answer of many rows repeats few dates; bounded so that timestamps cannot fill memory.
_CACHED = 16_384


@lru_cache(_CACHED)
def timestamp_text(value: dt.date) -> str:
    """Return ``yyyy-MM-dd HH:mm:ss.S``: one digit of fraction, more only where they are not zero."""
    if not isinstance(value, dt.datetime):
        return f"{value.isoformat()} 00:00:00.0"
    # Of an answer's cells half are moments, and those of a submission differ from series to series.
    text = (value if value.tzinfo is None else value.replace(tzinfo=None)).isoformat(" ")
    return text.rstrip("0") if value.microsecond else f"{text}.0"


@lru_cache(_CACHED)
def us_date_text(value: dt.date) -> str:
    """Return ``MM-dd-yyyy``."""
    return f"{value.month:02d}-{value.day:02d}-{value.year:04d}"


@lru_cache(_CACHED)
def java_date_text(value: dt.date) -> str:
    """Return ``EEE MMM dd HH:mm:ss zzz yyyy`` in UTC, whatever the locale of this process."""
    clock = value.strftime("%H:%M:%S") if isinstance(value, dt.datetime) else "00:00:00"
    return f"{_DAYS[value.weekday()]} {_MONTHS[value.month - 1]} {value.day:02d} {clock} UTC {value.year:04d}"


def epoch_milliseconds(value: dt.date) -> int:
    """Return milliseconds since 1970 of a day's beginning or a moment, in UTC."""
    moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
    return round((moment.replace(tzinfo=None) - _EPOCH) / dt.timedelta(milliseconds=1))


_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z?)?", re.ASCII
)
_US = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})", re.ASCII)
_JAVA = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{2}):(\d{2}):(\d{2}) [A-Za-z0-9:+-]{1,9} (\d{4})", re.ASCII
)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC everywhere in the records


@lru_cache(_CACHED)
def parse_any(value: str | int | float) -> dt.datetime:
    """Read a date in any spelling that an NBIA server uses.

    Timestamp text, ISO dates, ``MM-dd-yyyy``, Java's ``EEE MMM dd HH:mm:ss zzz yyyy`` and milliseconds
    since 1970. A zone name in a Java date is not applied, since the same moment's timestamp text is
    local time of the server too.

    :raises ValueError: when the value is none of these.
    """
    if isinstance(value, int | float):
        try:
            return _EPOCH + dt.timedelta(milliseconds=value)
        except OverflowError as error:
            raise ValueError(f"not a date: {value!r}") from error
    text = value.strip()
    if match := _ISO.fullmatch(text):
        year, month, day, hour, minute, second, fraction = match.groups(default="0")
        microsecond = int(f"{fraction:0<6}"[:6])
        return dt.datetime(  # noqa: DTZ001
            int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond
        )
    if match := _US.fullmatch(text):
        month, day, year = match.groups()
        return dt.datetime(int(year), int(month), int(day))  # noqa: DTZ001
    if (match := _JAVA.fullmatch(text)) and match[1] in _MONTHS:
        month_number = _MONTHS.index(match[1]) + 1
        return dt.datetime(  # noqa: DTZ001
            int(match[6]), month_number, int(match[2]), int(match[3]), int(match[4]), int(match[5])
        )
    raise ValueError(f"not a date: {value!r}")


_YMD = re.compile(r"(\d{4})([/-])(\d{1,2})\2(\d{1,2})", re.ASCII)
_DMY = re.compile(r"(\d{1,9})/(\d{1,9})/(\d{1,9})", re.ASCII)


def parse_ymd(text: str) -> dt.date:
    """Read ``yyyy/MM/dd`` or ``yyyy-MM-dd``. :raises ValueError: otherwise."""
    match = _YMD.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not yyyy/MM/dd: {text!r}")
    return dt.date(int(match[1]), int(match[3]), int(match[4]))


def parse_mdy(text: str) -> dt.date:
    """Read ``MM-dd-yyyy``. :raises ValueError: otherwise."""
    match = _US.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not MM-dd-yyyy: {text!r}")
    return dt.date(int(match[3]), int(match[1]), int(match[2]))


def parse_dmy_lenient(text: str) -> dt.date:
    """Read ``dd/MM/yyyy`` as NBIA's v1 does: leniently.

    Days and months beyond their range carry over and text after the year is ignored, so ``2023/01/15``
    is day 2023 of January of the year 15: misread, not refused. Results outside the calendar are cut to
    its ends.

    :raises ValueError: when the text does not begin with three numbers.
    """
    match = _DMY.match(text.strip())
    if match is None:
        raise ValueError(f"not dd/MM/yyyy: {text!r}")
    day, month, year = (int(part) for part in match.groups())
    year, month_index = year + (month - 1) // 12, (month - 1) % 12
    if year < 1:
        return dt.date.min
    if year > dt.MAXYEAR:
        return dt.date.max
    ordinal = dt.date(year, month_index + 1, 1).toordinal() + day - 1
    return dt.date.fromordinal(min(max(ordinal, 1), dt.date.max.toordinal()))
