"""What a download would do, shown before it is done: series, bytes, licences, free space; and the yes."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from filmroom.cli.output import Format, human_size, print_records, remark
from filmroom.errors import AccessDenied, BadAnswer, NotFound, ServerError
from filmroom.model.entities import Series
from filmroom.model.slides import ListedSlide

if TYPE_CHECKING:
    from filmroom.client import Client, PlannedSeries
    from filmroom.client.citations import LicenceUse
    from filmroom.client.planned import OneSeries

_ASK_ABOVE = 1_000_000_000  # bytes; more than that is confirmed by a person at a terminal
_TIDY = 8  # licences that are listed one by one
_COLUMNS = ("series_instance_uid", "state", "image_count", "file_size", "licence", "reason")


def with_records(client: Client, chosen: Sequence[OneSeries]) -> list[OneSeries]:
    """Return series with what the server says of them, asked for many at once; UIDs where it says nothing."""
    from filmroom.client.layout import is_uid

    uids = [each for each in chosen if isinstance(each, str) and is_uid(each.strip())]
    try:
        told = {each.series_instance_uid: each for each in client.series_records(uids)}
    except (ServerError, NotFound, AccessDenied, BadAnswer) as error:
        remark(f"What the series are is not told before they are fetched: {error}")
        return list(chosen)
    return [told.get(each.strip(), each) if isinstance(each, str) else each for each in chosen]


def print_plan(plan: Sequence[PlannedSeries], folder: Path, fmt: Format) -> None:
    """Print what would be fetched, series by series, and the whole of it below."""
    rows = [_row(each) for each in plan]
    print_records(rows, _COLUMNS, fmt)
    remark(f"{_amount(plan)}; {human_size(_free(folder))} are free in {folder}.")
    print_licences(_wanted(plan))


def print_licences(series: Sequence[OneSeries | ListedSlide], what: str = "series") -> None:
    """Say under which licences series come, or slides. :param what: what they are called."""
    for line in _licence_lines(_licences(series), what):
        remark(line)


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(plan: Sequence[PlannedSeries], folder: Path) -> bool:
    """Return whether a person at a terminal agrees to a download.

    It is asked for large ones, and where a licence asks for more than naming the source.
    """
    return agreed(_wanted(plan), _size(plan), f"{_amount(plan)}, into {folder}")


def agreed(wanted: Sequence[OneSeries | ListedSlide], size: int, amount: str, what: str = "series") -> bool:
    """Return whether a person at a terminal agrees; see :func:`confirmed`. :param size: in bytes."""
    print_licences(wanted, what)
    bound = any(each.restriction for each in _licences(wanted))
    if not wanted or not (bound or size > _ASK_ABOVE):
        return True
    terms = ", under these licences" if bound else ""
    return typer.confirm(f"{amount}{terms}. Go on?", err=True)


def _wanted(plan: Sequence[PlannedSeries]) -> list[OneSeries]:
    return [each.series for each in plan if each.promise is not None]


def _state(planned: PlannedSeries) -> str:
    if planned.receipt is not None:
        return "whole"
    if planned.error is not None:
        return "failed"
    return "to fetch" if planned.found is None else "to compare"


def _row(planned: PlannedSeries) -> dict[str, Any]:
    amount = planned.promise or planned.receipt
    series = planned.series
    licence = series.licence_name if isinstance(series, Series) else None
    return {
        "series_instance_uid": planned.place.uid,
        "state": _state(planned),
        "image_count": amount.count if amount else None,
        "file_size": amount.bytes if amount else None,
        "licence": licence or (planned.receipt.licence if planned.receipt else None),
        "reason": str(planned.error) if planned.error else None,
    }


def _licences(series: Sequence[OneSeries | ListedSlide]) -> list[LicenceUse]:
    """Return the licences of series or slides, the most frequent first."""
    from filmroom.client.citations import licence_use

    found = Counter(
        (each.licence_name or "", each.licence_url or "")
        if isinstance(each, Series | ListedSlide)
        else ("", "")
        for each in series
    )
    return [licence_use(name, url, count) for (name, url), count in found.most_common()]


def _licence_lines(licences: Sequence[LicenceUse], what: str) -> list[str]:
    from filmroom.net.answers import one_line

    lines = [
        one_line(f"{each.series} {what}: {each.restriction or each.name}{f' {each.url}' if each.url else ''}")
        for each in licences[:_TIDY]
    ]
    more = licences[_TIDY:]
    return [*lines, *([f"And {len(more)} other licences."] if more else [])]


def _amount(plan: Sequence[PlannedSeries]) -> str:
    return f"{sum(1 for each in plan if each.promise)} series to fetch, {human_size(_size(plan))}"


def _size(plan: Sequence[PlannedSeries]) -> int:
    return sum(each.bytes_left for each in plan)


def _free(folder: Path) -> int:
    """Return the free bytes of the disk on which a folder is, or would be."""
    there = folder.expanduser().absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free
