"""Between the record of a DOI and the series that it is about."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filmroom.errors import InvalidInput
from filmroom.model.dois import DoiRecord
from filmroom.model.entities import Licence
from filmroom.model.policy import DOI_RESOLVER, find_licence, known_licence

SHORT_NAME_TYPE = "TCIA Short Name"
"""Type of the further identifier that names a dataset, where no other is set; it compares without case."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the archive has of a collection. ``licences``: name and address of each that is in force.

    ``bytes`` and ``series`` are those of its own series, not of analyses by others.
    """

    name: str
    description: str | None
    licences: tuple[tuple[str, str], ...]
    series: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DatasetTerms:
    """What a record says of its series: the address of the DOI, the licence, and the abstract."""

    doi: str
    short_name: str | None
    address: str
    licence: Licence | None
    abstract: str | None


@dataclass(frozen=True, slots=True)
class TermsChange:
    """Series of a collection with the same terms, which ``doi apply`` gives others."""

    collection: str
    series: int
    doi: str | None
    licence: str | None


def short_name_of(attributes: Mapping[str, Any], kind: str = SHORT_NAME_TYPE) -> str | None:
    """Return the short name of a record's dataset, None where it has none. :param kind: type of it."""
    wanted = kind.casefold()
    for each in attributes.get("identifiers") or ():
        if str(each.get("identifierType") or "").casefold() == wanted and each.get("identifier"):
            return str(each["identifier"])
    return None


def terms_of_dataset(record: DoiRecord, kind: str = SHORT_NAME_TYPE) -> DatasetTerms:
    """Return what a record says of its series.

    :param kind: type of the identifier that is the short name.

    :raises InvalidInput: when it names several licences, or one that cannot be kept.
    """
    rights = [each for each in record.attributes.get("rightsList") or () if each.get("rights")]
    if len(rights) > 1:
        names = ", ".join(str(each["rights"]) for each in rights)
        raise InvalidInput(f"{record.doi} names several licences; series have one: {names}.")
    abstracts = [
        str(each.get("description"))
        for each in record.attributes.get("descriptions") or ()
        if each.get("descriptionType") == "Abstract" and each.get("description")
    ]
    return DatasetTerms(
        record.doi,
        short_name_of(record.attributes, kind),
        DOI_RESOLVER + record.doi,
        licence_of_rights(rights[0]) if rights else None,
        abstracts[0] if abstracts else None,
    )


def attributes_of_dataset(
    dataset: Dataset, *, publisher: str, year: int, title: str = "", kind: str = SHORT_NAME_TYPE
) -> dict[str, Any]:
    """Return what the archive knows of a collection as the metadata of a new record.

    :param kind: type of the identifier that is the short name.
    :param title: default: the collection's name. The name is the alternative title where it is not in it.
    """
    titles = [{"title": title or dataset.name}]
    if dataset.name not in titles[0]["title"]:
        titles.append({"title": dataset.name, "titleType": "AlternativeTitle"})
    abstract = plain_text(dataset.description or "")
    descriptions = [{"description": abstract, "descriptionType": "Abstract"}] if abstract else []
    return {
        "identifiers": [{"identifier": dataset.name, "identifierType": kind}],
        "titles": titles,
        "publisher": {"name": publisher},
        "publicationYear": year,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "DICOM"},
        "rightsList": [
            {"rights": name, **({"rightsUri": url} if url else {})} for name, url in dataset.licences
        ],
        "descriptions": descriptions,
        "sizes": [f"{dataset.series} series", f"{dataset.bytes} bytes"] if dataset.series else [],
        "formats": ["application/dicom"],
    }


def plain_text(html_text: str) -> str:
    """Return the text of a description that may be HTML: no tags, one blank between words."""
    return " ".join(html.unescape(re.sub(r"<[A-Za-z/!][^>]*>", " ", html_text)).split())


def licence_of_rights(rights: Mapping[str, Any]) -> Licence:
    """Return the licence that an entry of ``rightsList`` is about, which has a text.

    :raises InvalidInput: when it is one that cannot be kept.
    """
    for name in ("rightsIdentifier", "rights", "rightsUri"):
        known = known_licence(str(rights.get(name) or "").removesuffix("legalcode"))
        if known is not None:
            return known
    return find_licence(str(rights["rights"]), str(rights.get("rightsUri") or ""))
