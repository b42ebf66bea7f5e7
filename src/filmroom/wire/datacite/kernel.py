"""The DataCite Metadata Schema 4.7: its controlled lists, and whether XML is valid under it."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree  # the schema is our own file

from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from lxml import etree

NAMESPACE = "http://datacite.org/schema/kernel-4"
SCHEMA_LOCATION = f"{NAMESPACE} http://schema.datacite.org/meta/kernel-4/metadata.xsd"

_FOLDER = Path(__file__).parent / "kernel"
_ENUMERATION = "{http://www.w3.org/2001/XMLSchema}enumeration"

ControlledList = Literal[
    "contributorType",
    "dateType",
    "descriptionType",
    "funderIdentifierType",
    "nameType",
    "numberType",
    "relatedIdentifierType",
    "relationType",
    "resourceType",
    "titleType",
]

# What a schema reports is kept in the schema: one check at a time.
_checking = threading.Lock()


@functools.cache
def controlled_list(name: ControlledList) -> tuple[str, ...]:
    """Return the values of a controlled list, in the schema's order."""
    root = ElementTree.parse(_FOLDER / "include" / f"datacite-{name}-v4.xsd").getroot()  # noqa: S314
    return tuple(each.attrib["value"] for each in root.iter(_ENUMERATION))


@functools.cache
def _schema() -> etree.XMLSchema:
    from lxml import etree

    parser = etree.XMLParser(no_network=True)
    return etree.XMLSchema(etree.parse(str(_FOLDER / "metadata.xsd"), parser))


def parse_xml(content: bytes) -> etree._Element:
    """Return the root of a document from outside.

    :raises InvalidInput: when it is not well-formed, or has a document type.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidInput(f"The XML cannot be read: {error}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("A record's XML has no document type.")
    return root


def schema_errors(root: etree._Element) -> list[etree._LogEntry]:
    """Return what is wrong with a record's XML under the schema, in the order of the document."""
    schema = _schema()
    with _checking:
        if schema.validate(root):
            return []
        return list(schema.error_log)
