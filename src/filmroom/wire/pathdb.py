"""PathDB's lists as they travel: Drupal's JSON, where every field is a list of one object.

Source: the answers that tcia_utils' ``pathdb`` module reads. ``filesize``, ``md5``, ``collection_doi`` and
``license`` of an image are ours: clients of PathDB pick fields by name and pass over others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from filmroom.model.slides import Slide, SlideCollection

MOUNT_PATH = "/pathdb"
COLLECTIONS_PATH = "collections"
IMAGES_PATH = "listofimages"
FILES_PATH = "system/files/wsi"
COHORT_PATH = "system/files/collectionmetadata/cohort_builder.csv"
VIEWER_PATH = "/caMicroscope/apps/mini/viewer.html"

PAGE_SIZE = 1_000
"""Images on one page of a collection's list."""

COHORT_COLUMNS = (
    "collection",
    "collection_doi",
    "patient_id",
    "slide_id",
    "view",
    "camic_id",
    "wsiimage_url",
    "has_radiology",
    "has_genomics",
    "has_proteomics",
    "species",
    "cancer_type",
    "cancer_location",
    "data_format",
    "supporting_data_type",
    "modality",
    "protocol",
    "par",
    "magnification",
    "update",
)
"""Columns of the cohort table, in PathDB's order. What the archive does not know stays empty."""


def file_path(slide_id: int, collection: str, name: str) -> str:
    """Return the stable path of a slide's file below :data:`MOUNT_PATH`."""
    return f"{FILES_PATH}/{slide_id}/{quote(collection, safe='')}/{quote(name, safe='')}"


def viewer_path(slide_id: int) -> str:
    """Return the path of the page that shows a slide, as links to caMicroscope have it."""
    return f"{VIEWER_PATH}?mode=pathdb&slideId={slide_id}"


def collections_json(collections: Iterable[SlideCollection]) -> bytes:
    """Return the answer of ``/collections``."""
    return msgspec.json.encode(
        [
            {"tid": _value(each.id), "name": _value(each.name), "changed": _time(each.changed)}
            for each in collections
        ]
    )


def images_json(slides: Iterable[Slide], root: str) -> bytes:
    """Return the answer of ``/listofimages/{tid}``. :param root: the address of :data:`MOUNT_PATH`."""
    quoted: dict[str, str] = {}
    return msgspec.json.encode([_image(slide, root, quoted) for slide in slides])


def _image(slide: Slide, root: str, quoted: dict[str, str]) -> dict[str, Any]:
    collection = quoted.get(slide.collection)
    if collection is None:
        collection = quoted[slide.collection] = quote(slide.collection, safe="")
    url = f"{root}/{FILES_PATH}/{slide.id}/{collection}/{quote(slide.name, safe='')}"
    return {
        "nid": _value(slide.id),
        "studyid": _value(slide.collection),
        "field_collection": [{"target_id": slide.collection_id}],
        "clinicaltrialsubjectid": _value(slide.subject_id),
        "imageid": _value(slide.image_id),
        "imagedvolumeheight": _value(slide.height),
        "imagedvolumewidth": _value(slide.width),
        "referencepixelphysicalvaluex": _value(slide.pixel_size_x),
        "referencepixelphysicalvaluey": _value(slide.pixel_size_y),
        "field_wsiimage": [{"url": url}],
        "created": _time(slide.created),
        "changed": _time(slide.changed),
        "filesize": _value(slide.size),
        "md5": _value(slide.md5.hex()),
        "collection_doi": _value(slide.description_uri),
        "license": [{"value": slide.licence_name, "url": slide.licence_url}] if slide.licence_name else [],
    }


def cohort_row(slide: Slide, root: str, site: str) -> Mapping[str, str]:
    """Return a slide's line of the cohort table.

    :param root: the address of :data:`MOUNT_PATH`. :param site: that of the server.
    """
    power = slide.objective_power
    return {
        "collection": slide.collection,
        "collection_doi": slide.description_uri or "",
        "patient_id": slide.subject_id,
        "slide_id": slide.image_id,
        "view": f"{site}{viewer_path(slide.id)}",
        "camic_id": str(slide.id),
        "wsiimage_url": f"{root}/{file_path(slide.id, slide.collection, slide.name)}",
        "data_format": slide.format.upper(),
        "modality": "Pathology",
        "protocol": slide.stain or "",
        "magnification": "" if power is None else f"{power:g}X",
        "update": slide.changed.date().isoformat(),
    }


def _value(value: float | str | None) -> list[dict[str, Any]]:
    return [] if value is None else [{"value": value}]


def _time(moment: dt.datetime) -> list[dict[str, Any]]:
    # The catalogue's times are naive UTC.
    return [{"value": moment.isoformat(timespec="seconds") + "+00:00", "format": "Y-m-d\\TH:i:sP"}]
