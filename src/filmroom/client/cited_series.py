"""What a selection of series consists of: their DOIs and licences, as the archive tells or has told them."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmroom.client.citations import age_in_words
from filmroom.client.datacite import StoredRecords
from filmroom.client.receipt import Receipt, known_receipt
from filmroom.client.verifying import places
from filmroom.errors import FilmroomError, NotFound, NotOffline, TransferError
from filmroom.model.entities import Series
from filmroom.model.slides import ListedSlide

if TYPE_CHECKING:
    from filmroom.client.client import Client

_LICENCE_LINE = re.compile(
    r"License Information\. The (?P<collection>.*) collection is distributed under the (?P<licence>.*) at "
    r"(?P<url>\S+|Not Specified) By downloading the data"
)
_NOT_TOLD = "Not Specified"
_MIRRORED = "These data are mirrored from "

Facts = tuple[str, str, str, str]
"""Of a series: its collection, DOI or other address, licence and the licence's address; empty if unknown."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Series to cite, as the archive tells of them: how many have the same facts. ``notes``: what is odd."""

    facts: Counter[Facts]
    notes: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()


def _facts(record: Series | ListedSlide) -> Facts:
    return (
        record.collection or "",
        record.description_uri or "",
        record.licence_name or "",
        record.licence_url or "",
    )


def of_collection(client: Client, name: str, stored: StoredRecords, *, offline: bool) -> Selection:
    def ask() -> Counter[Facts]:
        found = client.series(collection=name) or _slides(client, name)
        if not found:
            raise NotFound(f"{client.base_url} has no collection {name!r}, or does not show it.")
        return Counter(map(_facts, found))

    return _asked(client, f"collection {name}", stored, ask, offline=offline)


def _slides(client: Client, collection: str) -> Sequence[ListedSlide]:
    """Return the slides of a collection; none where the server lists no slides."""
    try:
        return client.slides(collection=collection)
    except (NotFound, NotOffline):
        return ()


def of_series(
    client: Client, series: Sequence[str | Series], stored: StoredRecords, *, offline: bool
) -> Selection:
    known = {each.series_instance_uid: _facts(each) for each in series if isinstance(each, Series)}
    named = [each for each in series if isinstance(each, str)]

    def ask() -> Counter[Facts]:
        told = {each.series_instance_uid: _facts(each) for each in client.series_records(named)}
        return Counter([*known.values(), *told.values()])

    if not named:
        return Selection(Counter(known.values()))
    return _with_missing(
        _asked(client, _key(series), stored, ask, offline=offline), len(known) + len(set(named))
    )


def _with_missing(selection: Selection, wanted: int) -> Selection:
    missing = wanted - selection.facts.total()
    if missing <= 0:
        return selection
    note = f"{missing} of {wanted} series are not known to the archive, or not shown; they are not cited."
    return replace(selection, notes=(*selection.notes, note))


def _key(series: Sequence[str | Series]) -> str:
    uids = sorted({each if isinstance(each, str) else each.series_instance_uid for each in series})
    return f"series {hashlib.sha256(' '.join(uids).encode()).hexdigest()}"


def _asked(
    client: Client, key: str, stored: StoredRecords, ask: Callable[[], Counter[Facts]], *, offline: bool
) -> Selection:
    """Return what the archive tells, and keep it; what was kept, when it cannot be asked."""
    try:
        if offline:
            raise NotFound(f"What this selection consists of is not known offline: {key[:80]}.")
        found = ask()
    except (TransferError, NotFound) as error:
        kept = stored.find_selection(client.base_url, key)
        if kept is None or (isinstance(error, NotFound) and not offline):
            raise
        data, moment = kept
        age = age_in_words(dt.datetime.now(dt.UTC) - moment)
        note = f"The archive was not asked; what it told {age} ago of the series was used."
        return Selection(_counted(data), (note,))
    stored.keep_selection(client.base_url, key, [[*facts, number] for facts, number in found.items()])
    return Selection(found)


def _counted(data: Any) -> Counter[Facts]:
    rows = data if isinstance(data, list) else []
    return Counter({(str(a), str(b), str(c), str(d)): int(number) for a, b, c, d, number in rows})


# -- a folder of downloads -------------------------------------------------------------------------------


def of_folder(client: Client, path: Path, stored: StoredRecords, *, offline: bool) -> Selection:
    receipts = [found for place in places(path) if (found := known_receipt(place)) is not None]
    if not receipts:
        raise NotFound(f"There are no receipts in {path}.", advice="Give the folder that a download wrote.")
    uids = [each.series_instance_uid for each in receipts]
    attributions = tuple(dict.fromkeys(told for each in receipts if (told := _attribution(each))))
    try:
        selection = of_series(client, uids, stored, offline=offline)
    except FilmroomError as error:
        # Their licences are in the folder; which data sets they are of is not.
        note = f"Which DOIs the series in {path} have is not known: {error}"
        selection = Selection(Counter(map(_facts_of_receipt, receipts)), (note,))
    under = sum(map(_has_agreement, receipts))
    agreement = f"{under} series come under a data usage agreement: see the file LICENSE of each."
    return replace(selection, attributions=attributions, agreements=(agreement,) if under else ())


def _facts_of_receipt(receipt: Receipt) -> Facts:
    told = _LICENCE_LINE.match(receipt.licence_text or "")
    if told is None:
        return ("", "", "", "")
    collection, licence, url = (
        "" if told[name] == _NOT_TOLD else told[name] for name in ("collection", "licence", "url")
    )
    return (collection, "", licence, url)


def _has_agreement(receipt: Receipt) -> bool:
    """Whether the LICENSE of a series has more than its licence and where a mirror has it from."""
    _, _, further = (receipt.licence_text or "").partition("\n")
    return bool(further.partition(_MIRRORED)[0].strip())


def _attribution(receipt: Receipt) -> str:
    """Return what the LICENSE of a mirror says of where the data come from."""
    _, found, rest = (receipt.licence_text or "").partition(_MIRRORED)
    return " ".join(f"{_MIRRORED}{rest}".split()) if found else ""
