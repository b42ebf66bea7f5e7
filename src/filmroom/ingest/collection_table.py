"""Terms of many collections at once, from a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filmroom.catalog import Catalog
from filmroom.errors import InvalidInput
from filmroom.ingest.assign import MAXIMUM_COLLECTION, checked_name
from filmroom.ingest.csv_table import read_table
from filmroom.model.entities import Licence
from filmroom.model.policy import doi_address, find_licence

COLUMNS = ("collection", "licence", "licence_url", "doi", "description", "third_party", "access")

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})

Access = Literal["public", "restricted"]


@dataclass(frozen=True, slots=True)
class CollectionTerms:
    """What to set on one collection; ``None`` leaves a value as it is. ``description_uri`` is its DOI."""

    name: str
    licence: Licence | None = None
    description_uri: str | None = None
    description: str | None = None
    third_party: bool | None = None
    access: Access | None = None

    @classmethod
    def checked(cls, cells: Mapping[str, str | None]) -> CollectionTerms:
        """Make terms from text, by the names of :data:`COLUMNS`; empty and absent cells set nothing.

        :raises InvalidInput: when a value is not legal.
        """
        text = {name: (value or "").strip() for name, value in cells.items()}
        licence, url = text.get("licence", ""), text.get("licence_url", "")
        if url and not licence:
            raise InvalidInput("A licence address needs the licence's name as well.")
        description = text.get("description") or None
        if description is not None and "\0" in description:
            raise InvalidInput("A description holds a NUL character.")
        return cls(
            name=checked_name(text.get("collection", ""), "collection", MAXIMUM_COLLECTION),
            licence=find_licence(licence, url) if licence else None,
            description_uri=doi_address(text["doi"]) if text.get("doi") else None,
            description=description,
            third_party=_switch(text.get("third_party", "")),
            access=_access(text.get("access", "")),
        )


def read_collection_table(path: Path) -> list[CollectionTerms]:
    """Read a CSV file with the header of :data:`COLUMNS`; only ``collection`` is required.

    :raises InvalidInput: see :func:`filmroom.ingest.csv_table.read_table`.
    """
    return read_table(path, COLUMNS, CollectionTerms.checked, lambda terms: terms.name)


def _switch(text: str) -> bool | None:
    if not text:
        return None
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise InvalidInput(f"The third-party flag is yes or no, not {text!r}.")


def _access(text: str) -> Access | None:
    if not text:
        return None
    if text.lower() == "public":
        return "public"
    if text.lower() == "restricted":
        return "restricted"
    raise InvalidInput(f"The access is public or restricted, not {text!r}.")


def apply_terms(catalog: Catalog, terms: Iterable[CollectionTerms], *, create: bool) -> list[str]:
    """Set the terms of collections; return the names of those that were made.

    A collection made here is public unless its terms say otherwise, as one made by an ingest is.

    :raises NotFound: when ``create`` is False and a collection is not there; nothing of it was changed.
    """
    present = {collection.name for collection in catalog.collections()}
    made: list[str] = []
    for entry in terms:
        new = create and entry.name not in present
        catalog.set_collection(
            entry.name,
            description=entry.description,
            description_uri=entry.description_uri,
            licence=entry.licence,
            third_party=entry.third_party,
            access=entry.access or ("public" if new else None),
            create=create,
        )
        if new:
            made.append(entry.name)
    return made
