"""A record as DataCite XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from filmroom.wire.datacite.kernel import NAMESPACE, SCHEMA_LOCATION, parse_xml, schema_errors
from filmroom.wire.datacite.record import Part, Record, affiliations, part, parts, text
from filmroom.wire.datacite.xml_shapes import (
    AFFILIATION,
    LISTS,
    NAME_IDENTIFIER,
    ORDER,
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

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
# What XML 1.0 section 2.2 has no way to hold.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WRITTEN_EMPTY = frozenset({"sizes", "formats", "titles"})
# What is left out may show another fault.
_MOST_ROUNDS = 20


def write_xml(record: Record) -> bytes:
    """Return a record as DataCite XML, everything in it as it stands."""
    return _serialised(_tree(record))


def write_valid_xml(record: Record) -> bytes:
    """Return a record as XML that is valid under the schema wherever what it must have is there.

    Optional parts that the schema refuses, as imported records may have them, are left out.
    """
    root = parse_xml(write_xml(record))
    for _ in range(_MOST_ROUNDS):
        faults = [(error, _element(root, error)) for error in schema_errors(root)]
        left_out = [_leave_out(root, error, element) for error, element in faults]
        if not any(left_out):
            break
    return _serialised(root)


def _element(root: etree._Element, error: etree._LogEntry) -> etree._Element | None:
    found = root.xpath(error.path) if error.path else []
    return found[0] if isinstance(found, list) and found else None


def _leave_out(root: etree._Element, error: etree._LogEntry, element: etree._Element | None) -> bool:
    """Take what an error is about out of a document; False where it is a part that must be there."""
    if element is None or element is root:
        return False
    holder = element.getparent()
    named = re.search(r"attribute '([^']+)'", error.message)
    if named is not None and named[1] in element.attrib and holder is not root:
        del element.attrib[named[1]]
        return True
    if holder is None or (holder is root and element.tag in _mandatory()):
        return False
    holder.remove(element)
    return True


def _mandatory() -> set[str]:
    names = ("identifier", "creators", "titles", "publisher", "publicationYear", "resourceType")
    return {f"{{{NAMESPACE}}}{name}" for name in names}


def _serialised(root: etree._Element) -> bytes:
    from lxml import etree

    etree.indent(root)
    body: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    return _DECLARATION + body + b"\n"


def _tree(record: Record) -> etree._Element:
    from lxml import etree

    root = etree.Element(f"{{{NAMESPACE}}}resource", nsmap={"xsi": _SCHEMA_INSTANCE, None: NAMESPACE})
    root.set(f"{{{_SCHEMA_INSTANCE}}}schemaLocation", SCHEMA_LOCATION)
    for name in ORDER:
        if name in LISTS:
            _write_list(root, LISTS[name], record.attributes)
        else:
            _WRITERS[name](root, record)
    return root


def without_illegal(value: Any) -> str:
    """Return a text, or another value as text, without what XML cannot hold."""
    return _NO_CHARACTER.sub("", value if isinstance(value, str) else str(value))


def _add(
    holder: etree._Element,
    name: str,
    content: Any = None,
    item: Part | None = None,
    attributes: Attributes = (),
) -> etree._Element:
    """Add an element with text, and with those attributes that an item has."""
    from lxml import etree

    element = etree.SubElement(holder, f"{{{NAMESPACE}}}{name}")
    if content is not None:
        element.text = without_illegal(content)
    for key, attribute in attributes:
        value = text(item or {}, key)
        if value is not None:
            element.set(attribute, without_illegal(value))
    return element


def _write_list(holder: etree._Element, shape: ListShape, attributes: Part) -> None:
    given = attributes.get(shape.name)
    items = given if isinstance(given, list | tuple) else []
    if not items and shape.name not in _WRITTEN_EMPTY:
        return
    _write_items(_add(holder, shape.wrapper), shape, items)


def _write_items(holder: etree._Element, shape: ListShape, items: Iterable[Any]) -> None:
    for item in items:
        if shape.content and isinstance(item, dict):
            _add(holder, shape.element, text(item, shape.content), item, shape.attributes)
        elif isinstance(item, str):
            _add(holder, shape.element, item)


def _identifier(root: etree._Element, record: Record) -> None:
    _add(root, "identifier", record.stored_doi).set("identifierType", "DOI")


def _creators(root: etree._Element, record: Record) -> None:
    holder = _add(root, "creators")
    for person in parts(record.attributes, "creators"):
        _person(_add(holder, "creator"), "creatorName", person)


def _contributors(root: etree._Element, record: Record) -> None:
    if not record.contributors:
        return
    holder = _add(root, "contributors")
    for person in record.contributors:
        _person(_contributor(holder, person), "contributorName", person)


def _contributor(holder: etree._Element, person: Part) -> etree._Element:
    return _add(holder, "contributor", None, person, (("contributorType", "contributorType"),))


def _person(holder: etree._Element, element: str, person: Part, *, identified: bool = True) -> None:
    family, given = text(person, "familyName"), text(person, "givenName")
    parted = f"{family}, {given}" if family and given else None
    name = text(person, "name") or family
    personal = text(person, "nameType") == "Personal"
    shown = parted if personal and parted else name
    _add(holder, element, shown, person, (("nameType", "nameType"), ("lang", XML_LANG)))
    for tag, value in (("givenName", given), ("familyName", family)):
        if value:
            _add(holder, tag, value)
    if identified:
        _write_items(holder, NAME_IDENTIFIER, parts(person, "nameIdentifiers"))
        _write_items(holder, AFFILIATION, map(dict, affiliations(person)))


def _publisher(root: etree._Element, record: Record) -> None:
    publisher = record.publisher
    _add(root, "publisher", text(publisher, "name"), publisher, PUBLISHER)


def _publication_year(root: etree._Element, record: Record) -> None:
    _add(root, "publicationYear", text(record.attributes, "publicationYear"))


def _resource_type(root: etree._Element, record: Record) -> None:
    _add(
        root,
        "resourceType",
        text(record.types, "resourceType"),
        record.types,
        (("resourceTypeGeneral", "resourceTypeGeneral"),),
    )


def _language(root: etree._Element, record: Record) -> None:
    if record.language:
        _add(root, "language", record.language)


def _version(root: etree._Element, record: Record) -> None:
    if record.version:
        _add(root, "version", record.version)


def _geo_locations(root: etree._Element, record: Record) -> None:
    locations = parts(record.attributes, "geoLocations")
    if not locations:
        return
    holder = _add(root, "geoLocations")
    for location in locations:
        element = _add(holder, "geoLocation")
        if place := text(location, "geoLocationPlace"):
            _add(element, "geoLocationPlace", place)
        if point := part(location, "geoLocationPoint"):
            _numbers(_add(element, "geoLocationPoint"), point, _POINT)
        if box := part(location, "geoLocationBox"):
            _numbers(_add(element, "geoLocationBox"), box, _BOX)
        _polygons(element, location.get("geoLocationPolygon"))


_POINT = ("pointLongitude", "pointLatitude")
_BOX = ("westBoundLongitude", "eastBoundLongitude", "southBoundLatitude", "northBoundLatitude")


def _numbers(holder: etree._Element, item: Part, names: Iterable[str]) -> None:
    for name in names:
        if value := text(item, name):
            _add(holder, name, value)


def _polygons(holder: etree._Element, given: Any) -> None:
    """Write one polygon, which is a list of points, or a list of such."""
    if not isinstance(given, list) or not given:
        return
    polygons = given if isinstance(given[0], list) else [given]
    for polygon in polygons:
        element = _add(holder, "geoLocationPolygon")
        points = [each for each in polygon if isinstance(each, dict)]
        # The schema has the points of the line before the one inside.
        for name in ("polygonPoint", "inPolygonPoint"):
            for point in points:
                if part(point, name):
                    _numbers(_add(element, name), part(point, name), _POINT)


def _funding(root: etree._Element, record: Record) -> None:
    references = parts(record.attributes, "fundingReferences")
    if not references:
        return
    holder = _add(root, "fundingReferences")
    for reference in references:
        element = _add(holder, "fundingReference")
        _add(element, "funderName", text(reference, "funderName"))
        if identifier := text(reference, "funderIdentifier"):
            kinds = (("funderIdentifierType", "funderIdentifierType"), ("schemeUri", "schemeURI"))
            _add(element, "funderIdentifier", identifier, reference, kinds)
        number = text(reference, "awardNumber")
        if number or text(reference, "awardUri"):
            _add(element, "awardNumber", number, reference, (("awardUri", "awardURI"),))
        if title := text(reference, "awardTitle"):
            _add(element, "awardTitle", title)


def _related_items(root: etree._Element, record: Record) -> None:
    items = parts(record.attributes, "relatedItems")
    if not items:
        return
    holder = _add(root, "relatedItems")
    for item in items:
        _related_item(_add(holder, "relatedItem", None, item, RELATED_ITEM), item)


def _related_item(holder: etree._Element, item: Part) -> None:
    identifier = part(item, "relatedItemIdentifier")
    if value := text(identifier, "relatedItemIdentifier"):
        _add(holder, "relatedItemIdentifier", value, identifier, RELATED_ITEM_IDENTIFIER)
    if people := parts(item, "creators"):
        creators = _add(holder, "creators")
        for person in people:
            _person(_add(creators, "creator"), "creatorName", person, identified=False)
    if parts(item, "titles"):
        _write_list(holder, TITLES, item)
    for name in ("publicationYear", "volume", "issue"):
        if value := text(item, name):
            _add(holder, name, value)
    if value := text(item, "number"):
        _add(holder, "number", value, item, (("numberType", "numberType"),))
    for name in ("firstPage", "lastPage", "publisher", "edition"):
        if value := text(item, name):
            _add(holder, name, value)
    if people := parts(item, "contributors"):
        contributors = _add(holder, "contributors")
        for person in people:
            _person(_contributor(contributors, person), "contributorName", person, identified=False)


_WRITERS: dict[str, Callable[[etree._Element, Record], None]] = {
    "identifier": _identifier,
    "creators": _creators,
    "publisher": _publisher,
    "publicationYear": _publication_year,
    "types": _resource_type,
    "contributors": _contributors,
    "language": _language,
    "relatedItems": _related_items,
    "version": _version,
    "geoLocations": _geo_locations,
    "fundingReferences": _funding,
}
