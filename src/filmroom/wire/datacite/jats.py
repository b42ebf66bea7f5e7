"""A record as a JATS ``element-citation``. Source: ANSI/NISO Z39.96 (JATS) 1.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmroom.wire.datacite.csl import date_parts
from filmroom.wire.datacite.fill_in import filled_types
from filmroom.wire.datacite.record import Part, Record, text
from filmroom.wire.datacite.xml_writer import without_illegal

if TYPE_CHECKING:
    from lxml import etree

_KINDS = {
    "Article": "journal",
    "Book": "book",
    "Chapter": "chapter",
    "Dataset": "data",
    "Report": "report",
    "ScholarlyArticle": "journal",
    "SoftwareSourceCode": "software",
    "Thesis": "thesis",
}
_TITLES = {"data": "data-title", "journal": "article-title", "chapter": "chapter-title"}


def jats(record: Record) -> str:
    """Return a record as XML text."""
    from lxml import etree

    kind = _KINDS.get(text(filled_types(record.types), "schemaOrg") or "")
    root = etree.Element("element-citation")
    if kind:
        root.set("publication-type", kind)
    for role, people in (("author", record.creators), ("editor", record.contributors)):
        if people:
            _people(etree.SubElement(root, "person-group", {"person-group-type": role}), people)
    publisher, container = text(record.publisher, "name"), record.container
    if title := _TITLES.get(kind or ""):
        _add(root, title, record.title)
        _add(root, "source", text(container, "title") or publisher)
    else:
        _add(root, "source", record.title)
    if kind != "data":
        _add(root, "publisher-name", publisher)
    _date(root, record)
    for tag, name in (
        ("volume", "volume"),
        ("issue", "issue"),
        ("fpage", "firstPage"),
        ("lpage", "lastPage"),
    ):
        _add(root, tag, text(container, name))
    _add(root, "version", record.version)
    identifier = etree.SubElement(root, "pub-id", {"pub-id-type": "doi"})
    identifier.text = record.stored_doi
    etree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + str(etree.tostring(root, encoding="unicode")) + "\n"


def _add(holder: etree._Element, tag: str, content: str | None) -> None:
    from lxml import etree

    if content:
        etree.SubElement(holder, tag).text = without_illegal(content)


def _people(group: etree._Element, people: list[Part]) -> None:
    from lxml import etree

    for person in people:
        family = text(person, "familyName")
        if family:
            name = etree.SubElement(group, "name")
            _add(name, "surname", family)
            _add(name, "given-names", text(person, "givenName"))
        else:
            _add(group, "collab", text(person, "name"))


def _date(root: etree._Element, record: Record) -> None:
    issued = record.date("Issued") or (str(record.year) if record.year else None)
    numbers = date_parts(issued)
    if not numbers or issued is None:
        return
    for tag, number in zip(("year", "month", "day"), numbers, strict=False):
        _add(root, tag, f"{number:02d}")
    root.find("year").set("iso-8601-date", without_illegal(issued))
