"""The column lists of the Advanced API: counts, collections, licences, species. Source: NBIA API guides."""

from __future__ import annotations

from filmroom.wire.cells import CellType as T
from filmroom.wire.views import AUTHORIZED, Column, View

_HUMAN = "337915000"
# Column of the catalogue, key in v4, and what stands for a missing value: unversioned, v4.
_COUNTED: tuple[tuple[str, str, str | None, str | None], ...] = (
    ("collection", "Collection", None, None),
    ("modality", "Modality", None, None),
    ("body_part_examined", "BodyPart", "NOT SPECIFIED", "NOT SPECIFIED"),
    ("manufacturer", "Manufacturer", "", None),
    ("species_code", "Species", _HUMAN, _HUMAN),
)

COUNTS: dict[str, View] = {
    source: View(
        f"{source.replace('_', '-')}-counts",
        (Column("criteria", source, default=default), Column("count", "patients", T.INTEGER_TEXT)),
        nulls=True,
    )
    for source, _, default, _ in _COUNTED
}
"""Values and numbers of patients of the unversioned operations, by column of the catalogue."""

COUNTS_V4: dict[str, View] = {
    source: View(
        f"{source.replace('_', '-')}-counts-v4",
        (
            Column(name, source, default=default),
            Column("Count", "patients", T.INTEGER, doc="number of patients"),
            AUTHORIZED,
        ),
    )
    for source, name, _, default in _COUNTED
}

_DESCRIPTION = Column("description", "description", doc="HTML")
_ID = Column("id", "id", T.INTEGER)
_NAME = Column("collectionName", "collection")
_DOI = Column("descriptionURI", "description_uri", doc="DOI of the collection")

COLLECTION_DESCRIPTIONS = View(
    "collection-descriptions",
    (
        _DESCRIPTION,
        _ID,
        Column("collectionDescTimestamp", "changed", T.EPOCH, doc="last change"),
        _NAME,
        Column("userName", "user_name", doc="never told"),
        Column("licenseId", "licence_id", T.INTEGER),
        _DOI,
    ),
    nulls=True,
)
COLLECTION_DESCRIPTIONS_V4 = View("collection-descriptions-v4", (_DESCRIPTION, _ID, _NAME, _DOI), nulls=True)

LICENCES = View(
    "licences",
    (
        Column("longName", "long_name"),
        Column("id", "id", T.INTEGER),
        Column("shortName", "short_name"),
        Column("licenseURL", "url"),
        Column("licenseText", "text"),
        Column("commercialUse", "commercial_use", T.YES_NO),
    ),
    nulls=True,
)

SPECIES = View(
    "species",
    (
        Column("speciesCode", "species_code", doc="SNOMED CT"),
        Column("speciesDescription", "species_description"),
    ),
    nulls=True,
)

_DESCRIBED = (
    Column("collection", "collection"),
    Column("seriesInstanceUID", "series_instance_uid", doc="where series are asked for"),
    Column("thirdPartyAnanlysis", "third_party_analysis", doc="spelled as NBIA does"),
)
DESCRIBED = View("described-by-doi", _DESCRIBED)
DESCRIBED_V4 = View(
    "described-by-doi-v4",
    (*_DESCRIBED, Column("authorized", "", T.CONSTANT, 1, "always 1")),
)
