"""From a selection of data to its citations: which DOIs, their records, licences, and what else is owed.

Sources: series tell their DOI and licence, DataCite or the archive itself tells the records; TCIA's data
usage policy asks whoever uses its data, also from elsewhere, to cite the data set and the archive.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filmroom.client.citations import (
    TCIA_PAPER,
    Citations,
    CitedData,
    LicenceUse,
    age_in_words,
    licence_use,
    of_record,
)
from filmroom.client.cited_series import Facts, Selection, of_collection, of_folder, of_series
from filmroom.client.datacite import Datacite
from filmroom.client.manifests import read_manifest
from filmroom.errors import FilmroomError, InvalidInput, NotFound, ServerUnreachable
from filmroom.model.entities import Series
from filmroom.model.policy import doi_address
from filmroom.wire.datacite.record import bare_doi

if TYPE_CHECKING:
    from filmroom.client.client import Client

TCIA_POLICY = "https://www.cancerimagingarchive.net/data-usage-policies-and-restrictions/"

_NAMED_IN_NOTE = 5
_TCIA_PREFIXES = ("10.7937/", "10.25737/")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be cited, as :meth:`filmroom.client.Client.cite` was told."""

    series: tuple[str | Series, ...] = ()
    dois: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    manifests: tuple[str | os.PathLike[str], ...] = ()
    folders: tuple[str | os.PathLike[str], ...] = ()

    def named_series(self) -> list[str | Series]:
        """Return the series that are named one by one. :raises InvalidInput: for what is no manifest."""
        return [*self.series, *(uid for path in self.manifests for uid in read_manifest(Path(path)).series)]


def cite(
    client: Client, asked: Asked, *, offline: bool = False, datacite: Datacite | None = None
) -> Citations:
    """Return what is to be cited of a selection; see :meth:`filmroom.client.Client.cite`.

    :raises InvalidInput: when nothing is named, or something that is no DOI.
    :raises NotFound: when a collection or a folder is not there, or, offline, not known.
    :raises TransferError: when the archive cannot be asked about series and nothing is known of them.
    """
    dois = tuple(bare_doi(doi_address(each)) for each in asked.dois)
    series = asked.named_series()
    public = datacite or Datacite()
    try:
        selections = [
            *(of_collection(client, name, public.stored, offline=offline) for name in asked.collections),
            *(
                of_folder(client, Path(path).expanduser(), public.stored, offline=offline)
                for path in asked.folders
            ),
        ]
        if series:
            selections.append(of_series(client, series, public.stored, offline=offline))
        if not dois and not selections:
            raise InvalidInput("Nothing to cite is named.")
        records = _Records(client, public, offline=offline)
        return _gathered(dois, selections, records, from_tcia=_is_tcia(client.base_url))
    finally:
        if datacite is None:
            public.close()


# -- records ---------------------------------------------------------------------------------------------


class _Records:
    """Finds records: at the archive itself first, then at DataCite."""

    def __init__(self, client: Client, public: Datacite, *, offline: bool) -> None:
        self._public = public
        self._offline = offline
        self._silent: set[str] = set()
        own = f"{client.base_url}/datacite"
        self._own = (
            None
            if _is_tcia(client.base_url) or own == public.base_url
            else Datacite(own, stored=public.stored, retry=client.connection.policy)
        )

    def find(self, doi: str, cited: CitedData) -> CitedData:
        """Return what is cited with its record, or with the reason why there is none."""
        problem: FilmroomError | None = None
        for place in filter(None, (self._own, self._public)):
            silent = place.base_url in self._silent
            try:
                found = place.record(doi, offline=self._offline or silent)
            except FilmroomError as error:
                if isinstance(error, ServerUnreachable):
                    self._silent.add(place.base_url)  # waited for once, not once for each DOI
                # That one does not know it says less than that another could not be asked.
                problem = problem if isinstance(error, NotFound) and problem is not None else error
                continue
            return CitedData(doi, found, cited.series, cited.collections, cited.address)
        return CitedData(doi, None, cited.series, cited.collections, cited.address, problem)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()


def _gathered(
    asked: Sequence[str], selections: Sequence[Selection], records: _Records, *, from_tcia: bool
) -> Citations:
    facts: Counter[Facts] = Counter()
    for selection in selections:
        facts.update(selection.facts)
    try:
        data = [records.find(each.doi, each) if each.doi else each for each in _wanted(asked, facts)]
    finally:
        records.close()
    told = _licences(facts)
    by_record = _licences_of_records(data, covered=bool(facts))
    mirrored = from_tcia or any(each.doi.startswith(_TCIA_PREFIXES) for each in data)
    attributions = list(dict.fromkeys(told for each in selections for told in each.attributions))
    if mirrored:
        attributions.append(f"TCIA's data usage policy applies to these data: {TCIA_POLICY}")
    notes = [note for selection in selections for note in selection.notes]
    notes += [*_ages(data), *_disagreements(data, told)]
    return Citations(
        tuple(data),
        (*told, *by_record),
        (TCIA_PAPER,) if mirrored else (),
        tuple(notes),
        tuple(attributions),
        tuple(dict.fromkeys(told for each in selections for told in each.agreements)),
    )


def _wanted(asked: Sequence[str], facts: Counter[Facts]) -> list[CitedData]:
    """Return what is to be cited, each DOI once, series without one by their address or together."""
    found: dict[tuple[str, str], CitedData] = {(doi, ""): CitedData(doi) for doi in asked}
    for (collection, address, _, _), number in facts.items():
        doi = _doi_of(address)
        key = (doi, "" if doi else address or f"\0{collection}")
        before = found.get(key, CitedData(doi))
        names = dict.fromkeys((*before.collections, *([collection] if collection else [])))
        found[key] = CitedData(doi, None, before.series + number, tuple(names), "" if doi else address)
    return list(found.values())


def _doi_of(address: str) -> str:
    try:
        return bare_doi(doi_address(address)) if address.strip() else ""
    except InvalidInput:
        return ""


def _licences(facts: Counter[Facts]) -> list[LicenceUse]:
    counted: Counter[tuple[str, str]] = Counter()
    for (_, _, name, url), number in facts.items():
        counted[name, url] += number
    return [licence_use(name, url, number) for (name, url), number in counted.most_common()]


def _licences_of_records(data: Sequence[CitedData], *, covered: bool) -> list[LicenceUse]:
    """Return licences that records alone tell of, where no series do."""
    if covered and all(each.series for each in data):
        return []
    found = [
        of_record(rights) for each in data if each.record and not each.series for rights in each.record.rights
    ]
    return list(dict.fromkeys(found))


def _disagreements(data: Sequence[CitedData], told: Sequence[LicenceUse]) -> list[str]:
    """Say where the record of a DOI has another licence than the series: theirs holds."""
    notes = []
    known = {each.spdx or each.name for each in told}
    for each in data:
        if not each.record or not each.series:
            continue
        other = [
            use.name
            for rights in each.record.rights
            if (use := of_record(rights)) and (use.spdx or use.name) not in known
        ]
        if other:
            notes.append(
                f"The DOI record of {each.doi} says {', '.join(other)}; the licence of the series holds."
            )
    return notes


def _ages(data: Sequence[CitedData]) -> list[str]:
    copies = [each for each in data if each.found is not None and each.found.is_copy]
    notes = [
        f"The record of {each.doi} is a copy, {age_in_words(each.found.age)} old."
        for each in copies[:_NAMED_IN_NOTE]
        if each.found is not None
    ]
    if len(copies) > _NAMED_IN_NOTE:
        notes.append(f"{len(copies) - _NAMED_IN_NOTE} more records are copies.")
    return notes


def _is_tcia(root: str) -> bool:
    host = urlsplit(root).hostname or ""
    return host == "cancerimagingarchive.net" or host.endswith(".cancerimagingarchive.net")
