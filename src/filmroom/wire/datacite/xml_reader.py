"""DataCite XML of kernel 4 as the attributes of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from filmroom.errors import InvalidInput
from filmroom.wire.datacite.fill_in import filled_in
from filmroom.wire.datacite.kernel import NAMESPACE, parse_xml
from filmroom.wire.datacite.xml_shapes import (
    AFFILIATION,
    LISTS,
    NAME_IDENTIFIER,
    PUBLISHER,
    RELATED_ITEM,
    RELATED_ITEM_IDENTIFIER,
    TITLES,
    XML_LANG,
    Attributes,
    ListShape,
)

if TYPE_CHECKING:
    from lxml import etree

_KERNEL = re.compile(r"http://datacite\.org/schema/(kernel-([0-9.]+))")
_ORCID = re.compile(r"(?:https?://(?:www\.)?orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dXx])")
_ROR = re.compile(r"(?:https?://)?(?:ror\.org/)?(0[0-9a-z]{6}\d{2})")
_RELATED_ITEM_TEXTS = frozenset(
    {"publicationYear", "volume", "issue", "number", "firstPage", "lastPage", "publisher", "edition"}
)


def read_xml(content: bytes) -> dict[str, Any]:
    """Return the attributes that a record's XML holds, with the names of its type in other vocabularies.

    ``doi`` is among them, in lower case. What the XML does not have is not there.

    :raises InvalidInput: when it is not well-formed, or not DataCite XML of kernel 4.
    """
    root = parse_xml(content)
    namespace, _, name = str(root.tag).removeprefix("{").rpartition("}")
    kernel = _KERNEL.fullmatch(namespace)
    if name != "resource" or kernel is None:
        raise InvalidInput("The XML is not that of a DataCite record.")
    if not kernel[2].startswith("4"):
        raise InvalidInput(f"Schema {namespace} is no longer supported")
    _into_kernel_4(root, namespace)
    found: dict[str, Any] = {"schemaVersion": NAMESPACE}
    for element in _children(root):
        reader = _READERS.get(_name(element))
        if reader is not None:
            found.update(reader(element))
    return filled_in(found)


def _into_kernel_4(root: etree._Element, namespace: str) -> None:
    """Let elements of kernel-4.0, 4.1 … be those of kernel-4."""
    if namespace != NAMESPACE:
        for element in root.iter():
            if isinstance(element.tag, str):
                element.tag = element.tag.replace(f"{{{namespace}}}", f"{{{NAMESPACE}}}")


def _children(element: etree._Element, name: str = "") -> Iterator[etree._Element]:
    for child in element:
        if isinstance(child.tag, str) and (not name or _name(child) == name):
            yield child


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _content(element: etree._Element) -> str:
    """Return an element's text; a line break within it is one of the text."""
    pieces = [element.text or ""]
    for child in _children(element):
        pieces += ["\n" if _name(child) == "br" else _content(child), child.tail or ""]
    return "".join(pieces).strip()


def _of(element: etree._Element, name: str) -> str | None:
    """Return the text of a child."""
    return next((_content(child) or None for child in _children(element, name)), None)


def _attributes(element: etree._Element, attributes: Attributes) -> dict[str, str]:
    found = ((key, (element.get(attribute) or "").strip()) for key, attribute in attributes)
    return {key: value for key, value in found if value}


def _item(element: etree._Element, shape: ListShape) -> dict[str, str]:
    return {shape.content: _content(element), **_attributes(element, shape.attributes)}


def _items(element: etree._Element, shape: ListShape) -> list[Any]:
    found = [each for each in _children(element, shape.element) if _content(each)]
    return [_item(each, shape) if shape.content else _content(each) for each in found]


def _known(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _person(element: etree._Element, kind: str) -> dict[str, Any]:
    named = next(_children(element, f"{kind}Name"), None)
    found = _known(
        name=_content(named) if named is not None else None,
        **_attributes(named, (("nameType", "nameType"), ("lang", XML_LANG))) if named is not None else {},
        givenName=_of(element, "givenName"),
        familyName=_of(element, "familyName"),
    )
    found["affiliation"] = [_affiliation(each) for each in _items(element, AFFILIATION)]
    if kind == "contributor":
        found |= _attributes(element, (("contributorType", "contributorType"),))
    found["nameIdentifiers"] = [_name_identifier(each) for each in _items(element, NAME_IDENTIFIER)]
    return found


def _affiliation(item: dict[str, str]) -> dict[str, str]:
    ror = _ROR.fullmatch(item.get("affiliationIdentifier", ""))
    if ror and item.get("affiliationIdentifierScheme") == "ROR":
        item |= {"affiliationIdentifier": f"https://ror.org/{ror[1]}", "schemeUri": "https://ror.org"}
    return item


def _name_identifier(item: dict[str, str]) -> dict[str, str]:
    """Return a name identifier; ORCID and ROR as full addresses."""
    scheme, value = item.get("nameIdentifierScheme", ""), item["nameIdentifier"]
    if scheme.upper() == "ORCID" and (orcid := _ORCID.fullmatch(value)):
        return {
            "nameIdentifier": f"https://orcid.org/{orcid[1].upper()}",
            "nameIdentifierScheme": "ORCID",
            "schemeUri": "https://orcid.org",
        }
    if scheme.upper() == "ROR" and (ror := _ROR.fullmatch(value)):
        return {
            "nameIdentifier": f"https://ror.org/{ror[1]}",
            "nameIdentifierScheme": "ROR",
            "schemeUri": "https://ror.org",
        }
    return item


def _people(element: etree._Element, kind: str) -> list[dict[str, Any]]:
    return [_person(each, kind) for each in _children(element, kind)]


def _identifier(element: etree._Element) -> dict[str, Any]:
    return {"doi": _content(element).lower()} if element.get("identifierType") == "DOI" else {}


def _publisher(element: etree._Element) -> dict[str, Any]:
    return {"publisher": {"name": _content(element), **_attributes(element, PUBLISHER)}}


def _publication_year(element: etree._Element) -> dict[str, Any]:
    year = _content(element)
    return {"publicationYear": int(year) if re.fullmatch(r"[0-9]{4}", year) else year}


def _types(element: etree._Element) -> dict[str, Any]:
    general = (element.get("resourceTypeGeneral") or "").strip()
    return {"types": _known(resourceType=_content(element), resourceTypeGeneral=general)}


def _numbers(element: etree._Element) -> dict[str, Any]:
    return {_name(child): _content(child) for child in _children(element)}


def _geo_locations(element: etree._Element) -> dict[str, Any]:
    return {"geoLocations": [_geo_location(each) for each in _children(element, "geoLocation")]}


def _geo_location(element: etree._Element) -> dict[str, Any]:
    polygons = [
        [{_name(point): _numbers(point)} for point in _children(polygon)]
        for polygon in _children(element, "geoLocationPolygon")
    ]
    found: dict[str, Any] = _known(geoLocationPlace=_of(element, "geoLocationPlace"))
    for name in ("geoLocationPoint", "geoLocationBox"):
        for child in _children(element, name):
            found[name] = _numbers(child)
    if polygons:
        found["geoLocationPolygon"] = polygons[0] if len(polygons) == 1 else polygons
    return found


def _funding(element: etree._Element) -> dict[str, Any]:
    return {"fundingReferences": [_reference(each) for each in _children(element, "fundingReference")]}


def _reference(element: etree._Element) -> dict[str, Any]:
    found = _known(awardTitle=_of(element, "awardTitle"), funderName=_of(element, "funderName"))
    for number in _children(element, "awardNumber"):
        found |= _known(awardNumber=_content(number)) | _attributes(number, (("awardUri", "awardURI"),))
    for identifier in _children(element, "funderIdentifier"):
        kinds = (("funderIdentifierType", "funderIdentifierType"), ("schemeUri", "schemeURI"))
        found |= _known(funderIdentifier=_content(identifier)) | _attributes(identifier, kinds)
    return found


def _related_items(element: etree._Element) -> dict[str, Any]:
    return {"relatedItems": [_related_item(each) for each in _children(element, "relatedItem")]}


def _related_item(element: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = _attributes(element, RELATED_ITEM)
    for child in _children(element):
        name = _name(child)
        if name == "relatedItemIdentifier":
            found[name] = _known(relatedItemIdentifier=_content(child)) | _attributes(
                child, RELATED_ITEM_IDENTIFIER
            )
        elif name == "titles":
            found[name] = _items(child, TITLES)
        elif name in {"creators", "contributors"}:
            found[name] = _people(child, name.removesuffix("s"))
        elif name in _RELATED_ITEM_TEXTS:
            found |= _known(**{name: _content(child)}) | _attributes(child, (("numberType", "numberType"),))
    return found


_READERS: dict[str, Callable[[etree._Element], dict[str, Any]]] = {
    "identifier": _identifier,
    "creators": lambda element: {"creators": _people(element, "creator")},
    "contributors": lambda element: {"contributors": _people(element, "contributor")},
    "publisher": _publisher,
    "publicationYear": _publication_year,
    "resourceType": _types,
    "language": lambda element: _known(language=_content(element)),
    "version": lambda element: _known(version=_content(element)),
    "geoLocations": _geo_locations,
    "fundingReferences": _funding,
    "relatedItems": _related_items,
    **{
        shape.wrapper: lambda element, shape=shape: {shape.name: _items(element, shape)}  # type: ignore[misc]
        for shape in LISTS.values()
    },
}
