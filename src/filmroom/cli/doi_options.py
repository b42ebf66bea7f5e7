"""Options that say what stands in the record of a dataset, and the attributes that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from filmroom.errors import InvalidInput

TitleOption = Annotated[str | None, typer.Option("--title", help="Title of the dataset.", show_default=False)]
AbstractOption = Annotated[
    str | None, typer.Option("--abstract", help="What it is, in plain text.", show_default=False)
]
CreatorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--creator",
        metavar="'FAMILY, GIVEN; ORCID; AFFILIATION'",
        help="Who made it, in the order of citation; repeat it. All of them are replaced.",
        show_default=False,
    ),
]
LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--licence", "--license", help="Licence: a known short name, or any text.", show_default=False
    ),
]
LicenceUrlOption = Annotated[
    str | None,
    typer.Option("--licence-url", "--license-url", help="Address of the licence.", show_default=False),
]
PublisherOption = Annotated[
    str | None, typer.Option("--publisher", help="Who publishes it.", show_default=False)
]
YearOption = Annotated[int | None, typer.Option("--year", help="Year of publication.", show_default=False)]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="Landing page; default: this archive's.", show_default=False)
]
RelatedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--related",
        metavar="'RELATION DOI'",
        help="A related DOI, such as 'IsDerivedFrom 10.7937/…'; repeat it. They are added.",
        show_default=False,
    ),
]
FunderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--funder",
        metavar="'NAME; ROR; AWARD'",
        help="Who paid for it; repeat it. All of them are replaced.",
        show_default=False,
    ),
]

_ROR = re.compile(r"https?://ror\.org/0[0-9a-z]{6}[0-9]{2}", re.ASCII)


def attributes_of_options(
    before: Mapping[str, Any],
    *,
    title: str | None = None,
    abstract: str | None = None,
    creators: list[str] | None = None,
    licence: str | None = None,
    licence_url: str | None = None,
    publisher: str | None = None,
    year: int | None = None,
    url: str | None = None,
    related: list[str] | None = None,
    funders: list[str] | None = None,
) -> dict[str, Any]:
    """Return the attributes that options name, as they are after them.

    :param before: the attributes that are there. :raises InvalidInput: for an option that cannot be.
    """
    from filmroom.model.doi_people import creator_of

    if licence_url and not licence:
        raise InvalidInput("A licence address needs the licence's name as well.")
    plain = {"publisher": publisher, "publicationYear": year, "url": url}
    named: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    if title is not None:
        others = [each for each in before.get("titles") or () if each.get("titleType")]
        named["titles"] = [{"title": title}, *others]
    if abstract is not None:
        others = [
            each for each in before.get("descriptions") or () if each.get("descriptionType") != "Abstract"
        ]
        named["descriptions"] = [{"description": abstract, "descriptionType": "Abstract"}, *others]
    if creators:
        named["creators"] = [creator_of(each) for each in creators]
    if licence:
        named["rightsList"] = [_rights(licence, licence_url or "")]
    if related:
        there = list(before.get("relatedIdentifiers") or ())
        named["relatedIdentifiers"] = there + [
            new for each in related if (new := _related(each)) not in there
        ]
    if funders:
        named["fundingReferences"] = [_funder(each) for each in funders]
    return named


def _rights(licence: str, address: str) -> dict[str, str]:
    from filmroom.model.policy import find_licence

    found = find_licence(licence, address)
    return {"rights": found.long_name, **({"rightsUri": found.url} if found.url else {})}


def _related(text: str) -> dict[str, str]:
    from filmroom.model.dois import normal_doi
    from filmroom.wire.datacite.kernel import controlled_list

    relation, _, other = text.strip().partition(" ")
    known = controlled_list("relationType")
    if relation not in known:
        raise InvalidInput(
            f"There is no relation {relation[:60]!r}.", advice=f"Known are: {', '.join(known)}"
        )
    return {
        "relatedIdentifier": normal_doi(other),
        "relatedIdentifierType": "DOI",
        "relationType": relation,
    }


def _funder(text: str) -> dict[str, str]:
    name, *more = (part.strip() for part in text.split(";"))
    if not name or len(more) > 2:
        raise InvalidInput(f"A funder is 'name; ROR; award', not {text[:200]!r}.")
    funder = {"funderName": name}
    for part in filter(None, more):
        if _ROR.fullmatch(part):
            funder |= {"funderIdentifier": part, "funderIdentifierType": "ROR"}
        else:
            funder["awardNumber"] = part
    return funder
