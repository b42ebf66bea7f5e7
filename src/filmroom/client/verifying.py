"""Is what lies in a download folder still what was fetched? Answered offline, from the receipts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filmroom.client.adopt import find_series
from filmroom.client.crew import Crew
from filmroom.client.layout import STATE, SeriesPlace, is_uid
from filmroom.client.mending import md5_of
from filmroom.client.online import compared
from filmroom.client.receipt import Receipt, located, read_receipt
from filmroom.client.sources.archive import Archive
from filmroom.errors import NotFound, VerificationFailed

State = Literal["whole", "missing", "damaged", "incomplete", "no receipt", "outdated"]
"""``missing``: files are absent; ``damaged``: files are not what they were; ``incomplete``: still arriving;
``no receipt``: nothing says what should be there; ``outdated``: whole, but the server has another one now."""


@dataclass(frozen=True, slots=True)
class SeriesCheck:
    """What was found of one series. ``foreign`` files are not of the download; they harm nobody."""

    series_instance_uid: str
    state: State
    folder: Path
    files: int = 0
    bytes: int = 0
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the series is whole."""
        return self.state == "whole"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in a folder."""

    path: Path
    series: tuple[SeriesCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every series is whole."""
        return all(check.ok for check in self.series)

    def raise_for_damage(self) -> None:
        """:raises VerificationFailed: unless every series is whole."""
        bad = [check for check in self.series if not check.ok]
        if bad:
            raise VerificationFailed(
                f"{len(bad)} of {len(self.series)} series in {self.path} are not whole.",
                advice=f"Mend them: filmroom repair {self.path}",
            )


def places(path: Path) -> list[SeriesPlace]:
    """Return the series of a download folder, or those at and below a folder in it.

    Series without a receipt are found by what their images say.

    :raises NotFound: when nothing of the kind is there.
    """
    path = path.expanduser().absolute()
    for target in path.parents if not (path / STATE).is_dir() else ():
        if (target / STATE).is_dir():
            below = [place for place in _places_in(target, path) if place.folder.is_relative_to(path)]
            if below:
                return below
    if not path.is_dir():
        raise NotFound(f"There is no folder {path}.")
    found = _places_in(path, path)
    if not found:
        raise NotFound(
            f"There is no download in {path}.", advice="Give the folder that `filmroom download --to` wrote."
        )
    return found


def _places_in(target: Path, below: Path) -> list[SeriesPlace]:
    """Return the series with a receipt, those that are arriving, and those that other programs left."""
    left = find_series(target, below=below)
    found = {uid: SeriesPlace(target, uid).at(each.folder) for uid, each in left.items()}
    uids = {entry.name for entry in target.iterdir() if entry.is_dir() and is_uid(entry.name)}
    if (target / STATE).is_dir():
        for entry in (target / STATE).iterdir():
            uid = entry.name.removesuffix(".json").removesuffix(".partial").removesuffix(".old")
            if uid != entry.name and is_uid(uid):
                uids.add(uid)
    for uid in uids:
        place = located(SeriesPlace(target, uid))
        if place.relative is not None or uid not in found:
            found[uid] = place
    return [found[uid] for uid in sorted(found)]


def verify(
    path: str | os.PathLike[str], client: Archive | None = None, *, workers: int | None = None
) -> VerifyReport:
    """Compare every file below ``path`` with its receipt: size and MD5.

    :param path: a download folder, or a folder in it.
    :param client: the server to ask as well: whether it still has the series like that, and what series
        without a receipt must be. Those that are whole get one.
    :raises NotFound: when there is no download.
    :raises ServerUnreachable, ServerError, AccessDenied: when the server cannot be asked.
    """
    found = places(Path(path))
    number = workers or min(8, os.cpu_count() or 1)
    checks = Crew(check_series, number, threading.Event()).run(found)
    if client is not None:
        unknown = {check.series_instance_uid for check in checks if check.state == "no receipt"}
        left = find_series(found[0].target, unknown) if unknown else {}

        def ask(pair: tuple[SeriesPlace, SeriesCheck]) -> SeriesCheck:
            place, check = pair
            return compared(place, check, client.archive_of(place.uid), left.get(place.uid))

        checks = Crew(ask, number, threading.Event()).run(zip(found, checks, strict=True))
    return VerifyReport(Path(path), tuple(checks))


def check_series(place: SeriesPlace) -> SeriesCheck:
    """Check one series."""
    try:
        receipt = read_receipt(place.receipt)
    except VerificationFailed as error:
        return SeriesCheck(place.uid, "no receipt", place.folder, message=str(error))
    if place.unfinished or (place.partial.exists() and (receipt is None or not place.folder.exists())):
        return SeriesCheck(
            place.uid,
            "incomplete",
            place.folder,
            message="The download was interrupted; repair goes on with it.",
        )
    if receipt is None:
        return SeriesCheck(
            place.uid,
            "no receipt",
            place.folder,
            message="Nothing says what should be here; verify with --server compares it with the server.",
        )
    if receipt.series_instance_uid != place.uid or not receipt.files:
        return SeriesCheck(place.uid, "no receipt", place.folder, message="The receipt is of another series.")
    return _compare(place, receipt)


def _compare(place: SeriesPlace, receipt: Receipt) -> SeriesCheck:
    missing: list[str] = []
    damaged: list[str] = []
    size = 0
    for file in receipt.files:
        try:
            if digest(place.folder / file.name, file.size) == file.md5:
                size += file.size
            else:
                damaged.append(file.name)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(file.name)
        except OSError:
            damaged.append(file.name)
    expected = {file.name for file in receipt.files}
    foreign = tuple(sorted(name for name in _names(place.folder) if name not in expected))
    state: State = "damaged" if damaged else "missing" if missing else "whole"
    return SeriesCheck(
        place.uid,
        state,
        place.folder,
        len(receipt.files) - len(missing) - len(damaged),
        size,
        tuple(missing),
        tuple(damaged),
        foreign,
    )


def digest(path: Path, size: int) -> str:
    """Return the MD5 (hex) of a file, empty when it is not a file of that size. :raises OSError:"""
    return md5_of(path) if path.stat().st_size == size else ""


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for entry in folder.iterdir():
            yield entry.name
