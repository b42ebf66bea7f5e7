"""Where slides lie in a download folder, and what is kept of them.

::

    TARGET/name.svs, or TARGET/Collection/name.svs    a slide, complete and checked
    TARGET/.filmroom/2.25….slide                      its receipt
    TARGET/.filmroom/2.25….partial/                   one that is still arriving
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from filmroom.client.layout import STATE, SeriesPlace, write_durably
from filmroom.client.member_names import checked_member_name
from filmroom.client.sources.base import RemoteSeries, is_address, last_part
from filmroom.errors import BadAnswer
from filmroom.model.naming import folded, made_plain
from filmroom.model.slides import ListedSlide

_SUFFIX = ".slide"


class SlideReceipt(msgspec.Struct, frozen=True):
    """What was fetched: ``path`` below the target, with slashes; ``size`` in bytes, ``md5`` as hex.

    ``modified_ns`` is the file's time when it was checked.
    """

    url: str
    path: str
    size: int
    md5: str
    modified_ns: int
    format: int = 1

    def is_unchanged(self, target: Path) -> bool:
        """Whether the file is there with the size and time that it had when it was checked."""
        try:
            stat = (target / self.path).stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified_ns)

    def is_of(self, slide: ListedSlide) -> bool:
        """Whether the slide is still the one that was fetched, as far as the server tells."""
        return slide.size in {None, self.size} and slide.md5 in {None, self.md5}


@dataclass(frozen=True, slots=True)
class SlidePlace:
    """A slide that is to be fetched: its address, and its file below the target, with slashes."""

    slide: ListedSlide
    url: str
    target: Path
    relative: str
    receipt: SlideReceipt | None

    @property
    def key(self) -> str:
        """The UID under which its state is kept: made from the address."""
        return RemoteSeries((self.url,)).key

    @property
    def file(self) -> Path:
        return self.target / self.relative

    @property
    def state(self) -> SeriesPlace:
        """Where it arrives, and what is locked meanwhile."""
        return SeriesPlace(self.target, self.key)

    def note(self, receipt: SlideReceipt) -> None:
        """Write the receipt durably."""
        data = msgspec.json.format(msgspec.json.encode(receipt), indent=1) + b"\n"
        write_durably(self.target / STATE / f"{self.key}{_SUFFIX}", data)


def has_file(slide: ListedSlide) -> bool:
    """Whether the server tells where the slide's file is on the web."""
    return slide.url is not None and is_address(slide.url) and slide.url.lower().startswith("http")


def place_slides(slides: Iterable[ListedSlide], target: Path, *, by_collection: bool) -> list[SlidePlace]:
    """Return where slides go that have a file, each address once; one that was fetched before stays there.

    No two slides share a file: those whose names are alike go into a folder of their collection, and where
    even that does not tell them apart, into one named with the slide's number in it.

    :param by_collection: put all of them into folders of their collections.
    """
    unique = {slide.url: slide for slide in slides if slide.url and has_file(slide)}
    keys = {url: RemoteSeries((url,)).key for url in unique}
    known = _receipts(target)
    taken = {folded(receipt.path) for receipt in known.values()}
    options = {url: _options(url, slide, by_collection=by_collection) for url, slide in unique.items()}
    # Those that are there count too: where the others of a name go does not depend on which came first.
    wanted = [Counter(map(folded, level)) for level in zip(*options.values(), strict=True)]
    places = []
    for url, slide in unique.items():
        receipt = known.get(keys[url])
        relative = receipt.path if receipt is not None else _free(options[url], wanted, taken)
        places.append(SlidePlace(slide, url, target, relative, receipt))
    return places


def _free(options: Sequence[str], wanted: Sequence[Counter[str]], taken: Container[str]) -> str:
    """Return the first of the places that no other slide wants or has; the last one is nobody else's."""
    *shared, own = options
    for place, counts in zip(shared, wanted, strict=False):
        if counts[folded(place)] == 1 and folded(place) not in taken:
            return place
    return own


def _options(url: str, slide: ListedSlide, *, by_collection: bool) -> Sequence[str]:
    name = made_plain(last_part(url)) or "slide"
    folder = made_plain(slide.collection or "") or "slides"
    unlike = (f"{folder}/{name}", f"{folder}/{RemoteSeries((url,)).key}/{name}")
    return unlike if by_collection else (name, *unlike)


def _receipts(target: Path) -> dict[str, SlideReceipt]:
    """Return the receipts of a folder by key. One that cannot be used is passed over: it is fetched anew."""
    found = {}
    state = target / STATE
    for path in state.iterdir() if state.is_dir() else ():
        if path.suffix != _SUFFIX:
            continue
        try:
            receipt = msgspec.json.decode(path.read_bytes(), type=SlideReceipt)
            # It may have been copied from anywhere: its path must not lead out of the folder.
            for part in PurePosixPath(receipt.path).parts:
                checked_member_name(part)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, BadAnswer):
            continue
        if receipt.format == 1 and receipt.path and not receipt.path.startswith(("/", ".")):
            found[path.stem] = receipt
    return found
