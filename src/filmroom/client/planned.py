"""What is to be fetched, and what is known of it before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filmroom.client.adopt import Found
from filmroom.client.layout import SeriesPlace, checked_uid
from filmroom.client.manifests import names_manifest, read_manifest
from filmroom.client.receipt import Receipt
from filmroom.client.sources.base import Promise, RemoteSeries, SeriesSource, is_address
from filmroom.errors import FilmroomError, InvalidInput
from filmroom.model.entities import Series

OneSeries = str | Series | RemoteSeries
SeriesLike = OneSeries | Path | Iterable[OneSeries]


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """One series of a plan; ``promise`` is None where ``error`` says why, or where it is whole already.

    ``found`` is what another program left of it.
    """

    place: SeriesPlace
    series: OneSeries
    source: SeriesSource | None = None
    promise: Promise | None = None
    receipt: Receipt | None = None
    error: FilmroomError | None = None
    found: Found | None = None
    asked: bool = True  # whether the promise is the server's answer of now rather than an older record's

    @property
    def bytes_left(self) -> int:
        """Bytes that are expected to arrive: less what an earlier run or another program left."""
        if self.promise is None:
            return 0
        there = list(self.place.files.iterdir()) if self.place.files.is_dir() else []
        if self.found is not None:
            there += self.found.paths(self.place.target)
        return max(0, self.promise.bytes - sum(file.stat().st_size for file in there))


def key_of(series: OneSeries) -> str:
    """Return the UID under which a series lies in a download folder. :raises InvalidInput: for no series."""
    match series:
        case str():
            return checked_uid(series)
        case Series():
            return checked_uid(series.series_instance_uid)
        case RemoteSeries():
            return series.key
        case _:
            raise InvalidInput(f"Neither a UID nor a series: {series!r:.80}.")


def listed(series: SeriesLike) -> list[OneSeries]:
    """Return what is to be fetched as a list without repetitions.

    :raises InvalidInput: for anything that is no series, and for a manifest that is none.
    """
    if isinstance(series, Path) or (isinstance(series, str) and names_manifest(series)):
        manifest = read_manifest(Path(series))
        series = [*manifest.series, *manifest.remote]
    many = [series] if isinstance(series, str | Series | RemoteSeries) else series
    unique: dict[str, OneSeries] = {}
    for each in many:
        one = RemoteSeries((each,)) if isinstance(each, str) and is_address(each) else each
        unique.setdefault(key_of(one), one)
    return list(unique.values())
