"""What is wrong with the metadata of a record: shapes first, then its XML under the schema.

Source: the messages that DataCite's API answers with status 422.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filmroom.wire.datacite.kernel import controlled_list, parse_xml, schema_errors
from filmroom.wire.datacite.record import Part, Record, text
from filmroom.wire.datacite.xml_writer import write_xml

if TYPE_CHECKING:
    from lxml import etree

DOI_PATTERN = re.compile(r"10\.\d{4,9}/[-._;()/:*~$=a-zA-Z0-9]+", re.ASCII)
"""A DOI that may be made; those of others may hold other characters."""

_LONGEST_RIGHTS = 2_000
_NOT_IN_MESSAGE = 200
# A list of objects, and what one of them is called in messages.
_LISTS = {
    "identifiers": "Identifier",
    "creators": "Creator",
    "titles": "Title",
    "subjects": "Subject",
    "contributors": "Contributor",
    "dates": "Date",
    "relatedIdentifiers": "RelatedIdentifier",
    "relatedItems": "RelatedItem",
    "rightsList": "Rights",
    "descriptions": "Description",
    "geoLocations": "GeoLocation",
    "fundingReferences": "FundingReference",
}
_TEXT_LISTS = ("sizes", "formats")
_OBJECTS = ("types", "container")
_TEXTS = ("version", "language", "url")
# Elements of the XML, and the attribute that they come from.
_SOURCES = {"identifier": "doi", "resourceType": "types", "alternateIdentifiers": "identifiers"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of an answer: the attribute, what is wrong with it, and the DOI."""

    source: str
    title: str
    uid: str

    def as_dict(self) -> dict[str, str]:
        return {"source": self.source, "title": self.title, "uid": self.uid}


def validate(attributes: Part) -> list[Problem]:
    """Return what keeps a record from being registered or published; nothing when it is valid.

    A source is in it at most once. Whether the DOI is taken and the URL allowed is not known here.
    """
    problems = validate_shapes(attributes)
    # What has not even the right shape is not written as XML.
    return problems or _first_of_each([*_doi_and_url(attributes), *_under_schema(attributes)])


def validate_draft(attributes: Part) -> list[Problem]:
    """Return what keeps a record from being kept at all, as a draft."""
    return validate_shapes(attributes) or _first_of_each(_doi_and_url(attributes, draft=True))


def validate_shapes(attributes: Part) -> list[Problem]:
    """Return which attributes are no lists, objects or texts where they should be."""
    uid = Record(attributes).doi
    checks: tuple[Callable[[Part, str], Iterator[Problem]], ...] = (
        _list_shapes,
        _plain_shapes,
        _publisher_shape,
        _people_shapes,
        _rights_shapes,
    )
    return _first_of_each([problem for check in checks for problem in check(attributes, uid)])


def _first_of_each(problems: list[Problem]) -> list[Problem]:
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.source, problem)
    return list(first.values())


def _shown(value: Any) -> str:
    return str(value)[:_NOT_IN_MESSAGE]


def _list_shapes(attributes: Part, uid: str) -> Iterator[Problem]:
    for name, called in _LISTS.items():
        given = attributes.get(name)
        if given is None:
            continue
        if not isinstance(given, list | tuple):
            yield Problem(name, f"{called} '{_shown(given)}' should be an array.", uid)
            continue
        for each in given:
            if not isinstance(each, Mapping):
                kind = "a string" if isinstance(each, str) else "something else"
                yield Problem(name, f"{called} '{_shown(each)}' should be an object instead of {kind}.", uid)


def _plain_shapes(attributes: Part, uid: str) -> Iterator[Problem]:
    for name in _TEXT_LISTS:
        given = attributes.get(name)
        if given is not None and not (
            isinstance(given, list | tuple) and all(isinstance(each, str) for each in given)
        ):
            yield Problem(name, "Should be an array of strings.", uid)
    for name in _OBJECTS:
        given = attributes.get(name)
        if given is not None and not isinstance(given, Mapping):
            yield Problem(name, "Should be an object.", uid)
    for name in _TEXTS:
        given = attributes.get(name)
        if given is not None and (isinstance(given, bool) or not isinstance(given, str | int | float)):
            yield Problem(name, "Should be a string.", uid)
    year = attributes.get("publicationYear")
    if year is not None and not re.fullmatch(r"[0-9]{4}", str(year)):
        yield Problem("publicationYear", "Should be a year of four digits.", uid)


def _publisher_shape(attributes: Part, uid: str) -> Iterator[Problem]:
    publisher = attributes.get("publisher")
    if publisher is not None and not isinstance(publisher, str | Mapping):
        yield Problem("publisher", "Should be a string or an object.", uid)


def _people_shapes(attributes: Part, uid: str) -> Iterator[Problem]:
    kinds = controlled_list("contributorType")
    for source in ("creators", "contributors"):
        for person in _objects(attributes, source):
            if not isinstance(person.get("nameIdentifiers") or [], list | tuple):
                yield Problem(source, "NameIdentifiers should be an array.", uid)
            if not isinstance(person.get("affiliation") or [], list | tuple | str):
                yield Problem(source, "Affiliation should be an array.", uid)
            kind = person.get("contributorType")
            if source == "contributors" and kind not in kinds:
                yield Problem(source, f"Contributor type {_shown(kind)} is not supported in schema 4.", uid)


def _rights_shapes(attributes: Part, uid: str) -> Iterator[Problem]:
    for rights in _objects(attributes, "rightsList"):
        if len(text(rights, "rights") or "") > _LONGEST_RIGHTS:
            yield Problem("rightsList", f"Rights has at most {_LONGEST_RIGHTS} characters.", uid)


def _objects(attributes: Part, name: str) -> list[Part]:
    given = attributes.get(name)
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, list | tuple) else []


def _doi_and_url(attributes: Part, *, draft: bool = False) -> list[Problem]:
    uid = Record(attributes).doi
    problems = []
    if not DOI_PATTERN.fullmatch(uid):
        problems.append(Problem("doi", "Is invalid", uid))
    url = text(attributes, "url")
    if url is None:
        if not draft:
            problems.append(Problem("url", "Can't be blank", uid))
    elif not _is_web_address(url):
        problems.append(Problem("url", "URL is not valid", uid))
    return problems


def _is_web_address(url: str) -> bool:
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    return (
        address.scheme in {"http", "https", "ftp"}
        and bool(address.hostname)
        and url.isprintable()
        # Browsers take a backslash for a slash, so the host would be another than the one that is checked.
        and not set(url) & {" ", "\\"}
        and "@" not in address.netloc
    )


def _under_schema(attributes: Part) -> Iterator[Problem]:
    uid = Record(attributes).doi
    root = parse_xml(write_xml(Record(attributes)))
    for error in schema_errors(root):
        message = re.sub(r"^Element '[^']*'(, attribute '[^']*')?: ", "", error.message)
        source = _source(root, error.path)
        yield Problem(source, f"DOI {uid}: {message} at line {error.line}, column {error.column}", uid)
    # The schema lets titles and names be empty.
    for name, content in (("titles", "title"), ("creators", "name")):
        if not all(text(each, content) for each in _objects(attributes, name)):
            yield Problem(name, "Can't be blank", uid)


def _source(root: etree._Element, path: str | None) -> str:
    """Return the attribute that an element comes from: that of the root's child which it is or lies in."""
    found = root.xpath(path) if path else []
    if not found or found[0] is root:
        return "metadata"
    element = found[0]
    while element.getparent() is not root:
        element = element.getparent()
    name = str(element.tag).rpartition("}")[2]
    return _SOURCES.get(name, name)
