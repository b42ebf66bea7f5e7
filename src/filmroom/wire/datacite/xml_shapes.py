"""How properties of a record lie in DataCite XML: one table that writing and reading share.

Source: DataCite Metadata Schema 4.7.
"""

from __future__ import annotations

from dataclasses import dataclass

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

Attributes = tuple[tuple[str, str], ...]
"""Key of the record's object, and the XML attribute that it is."""

_LANG = ("lang", XML_LANG)
_SCHEME = ("schemeUri", "schemeURI")


def _same(*names: str) -> Attributes:
    return tuple((name, name) for name in names)


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list of a record: ``content`` is the key of the element's text, empty where items are texts."""

    name: str
    wrapper: str
    element: str
    content: str = ""
    attributes: Attributes = ()


TITLES = ListShape("titles", "titles", "title", "title", (*_same("titleType"), _LANG))

_SHAPES = (
    TITLES,
    ListShape(
        "subjects",
        "subjects",
        "subject",
        "subject",
        (
            *_same("subjectScheme"),
            _SCHEME,
            ("valueUri", "valueURI"),
            *_same("classificationCode"),
            _LANG,
        ),
    ),
    ListShape("dates", "dates", "date", "date", _same("dateType", "dateInformation")),
    ListShape(
        "identifiers",
        "alternateIdentifiers",
        "alternateIdentifier",
        "identifier",
        (("identifierType", "alternateIdentifierType"),),
    ),
    ListShape(
        "relatedIdentifiers",
        "relatedIdentifiers",
        "relatedIdentifier",
        "relatedIdentifier",
        (
            *_same("relatedIdentifierType", "relationType", "resourceTypeGeneral", "relatedMetadataScheme"),
            _SCHEME,
            *_same("schemeType", "relationTypeInformation"),
        ),
    ),
    ListShape("sizes", "sizes", "size"),
    ListShape("formats", "formats", "format"),
    ListShape(
        "rightsList",
        "rightsList",
        "rights",
        "rights",
        (
            ("rightsUri", "rightsURI"),
            *_same("rightsIdentifier", "rightsIdentifierScheme"),
            _SCHEME,
            _LANG,
        ),
    ),
    ListShape(
        "descriptions",
        "descriptions",
        "description",
        "description",
        (*_same("descriptionType"), _LANG),
    ),
)
LISTS = {shape.name: shape for shape in _SHAPES}
"""The lists whose items are one element with text and attributes."""

NAME_IDENTIFIER = ListShape(
    "nameIdentifiers", "", "nameIdentifier", "nameIdentifier", (*_same("nameIdentifierScheme"), _SCHEME)
)
AFFILIATION = ListShape(
    "affiliation",
    "",
    "affiliation",
    "name",
    (*_same("affiliationIdentifier", "affiliationIdentifierScheme"), _SCHEME),
)
PUBLISHER: Attributes = (*_same("publisherIdentifier", "publisherIdentifierScheme"), _SCHEME, _LANG)
RELATED_ITEM_IDENTIFIER: Attributes = (
    *_same("relatedItemIdentifierType", "relatedMetadataScheme"),
    _SCHEME,
    *_same("schemeType"),
)
RELATED_ITEM: Attributes = _same("relatedItemType", "relationType", "relationTypeInformation")

ORDER = (
    "identifier",
    "creators",
    "titles",
    "publisher",
    "publicationYear",
    "types",
    "subjects",
    "contributors",
    "dates",
    "language",
    "identifiers",
    "relatedIdentifiers",
    "relatedItems",
    "sizes",
    "formats",
    "version",
    "rightsList",
    "descriptions",
    "geoLocations",
    "fundingReferences",
)
"""Properties in the order of their elements."""
