"""PathDB's lists read: what a server of any age sends of collections and images.

Source: the answers that tcia_utils' ``pathdb`` module reads. Whatever is missing is None but the numbers by
which things are asked for.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from filmroom.errors import BadAnswer
from filmroom.model.slides import ListedCollection, ListedSlide
from filmroom.wire.operation import Operation
from filmroom.wire.pathdb import COLLECTIONS_PATH, IMAGES_PATH, MOUNT_PATH, viewer_path

PATHDB_SERVER = "https://pathdb.cancerimagingarchive.net"
"""TCIA's PathDB, which is a server of its own."""

T = TypeVar("T")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_LARGEST = 2**63 - 1


def collections_operation(mount: str = MOUNT_PATH) -> Operation:
    """Return the list of collections. :param mount: where PathDB is below the server's root."""
    return Operation(COLLECTIONS_PATH, "", (), "Collections with slides.", roots=(mount,))


def images_operation(collection_id: int, mount: str = MOUNT_PATH) -> Operation:
    """Return the list of a collection's images. :param mount: where PathDB is below the server's root."""
    return Operation(f"{IMAGES_PATH}/{collection_id}", "", (), "Slides of a collection.", roots=(mount,))


def read_collections(content: bytes) -> list[ListedCollection]:
    """Read the answer of ``/collections``. :raises BadAnswer: when it is none."""
    return [_read(_collection, row) for row in _rows(content)]


def read_images(content: bytes, site: str) -> list[ListedSlide]:
    """Read a page of ``/listofimages/{tid}``. :param site: the server's root, for links to its viewer.

    :raises BadAnswer: when it is none.
    """
    return [_read(lambda each: _image(each, site), row) for row in _rows(content)]


def _rows(content: bytes) -> list[Mapping[str, Any]]:
    try:
        rows = msgspec.json.decode(content) if content.strip() else []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's list of slides is not JSON: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise BadAnswer("The server's list of slides is not a list.")
    return rows


def _read(read: Callable[[Mapping[str, Any]], T], row: Mapping[str, Any]) -> T:
    try:
        return read(row)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"The server's list of slides cannot be read: {error}.") from None


def _collection(row: Mapping[str, Any]) -> ListedCollection:
    return ListedCollection(_number(row, "tid"), _text(row, "name") or "", _time(row, "changed"))


def _image(row: Mapping[str, Any], site: str) -> ListedSlide:
    number = _number(row, "nid")
    told = _text(row, "field_wsiimage", "url")
    url = told.replace(" ", "%20") if told else None
    md5 = _text(row, "md5")
    return ListedSlide(
        id=number,
        collection=_text(row, "studyid"),
        collection_id=_whole(row, "field_collection", "target_id"),
        subject_id=_text(row, "clinicaltrialsubjectid"),
        image_id=_text(row, "imageid"),
        name=unquote(urlsplit(url).path.rpartition("/")[2]) or None if url else None,
        width=_whole(row, "imagedvolumewidth"),
        height=_whole(row, "imagedvolumeheight"),
        pixel_size_x=_decimal(row, "referencepixelphysicalvaluex"),
        pixel_size_y=_decimal(row, "referencepixelphysicalvaluey"),
        url=url,
        viewer_url=f"{site}{viewer_path(number)}",
        size=_whole(row, "filesize"),
        md5=md5.lower() if md5 and _MD5.fullmatch(md5) else None,
        description_uri=_text(row, "collection_doi"),
        licence_name=_text(row, "license"),
        licence_url=_text(row, "license", "url"),
        created=_time(row, "created"),
        changed=_time(row, "changed"),
    )


def _value(row: Mapping[str, Any], name: str, key: str) -> Any:
    """Return the value of a field, which is a list of one object; None where it is empty."""
    values = row.get(name)
    first = values[0] if isinstance(values, list) and values else None
    return first.get(key) if isinstance(first, Mapping) else None


def _text(row: Mapping[str, Any], name: str, key: str = "value") -> str | None:
    value = _value(row, name, key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _whole(row: Mapping[str, Any], name: str, key: str = "value") -> int | None:
    value = _value(row, name, key)
    number = None if value in {None, ""} or isinstance(value, bool) else int(value)
    if number is not None and not 0 <= number <= _LARGEST:
        raise ValueError(f"{name} is {number}")
    return number


def _number(row: Mapping[str, Any], name: str) -> int:
    number = _whole(row, name)
    if number is None:
        raise ValueError(f"{name} is missing")
    return number


def _decimal(row: Mapping[str, Any], name: str) -> float | None:
    value = _value(row, name, "value")
    number = None if value in {None, ""} or isinstance(value, bool) else float(value)
    return number if number is None or math.isfinite(number) else None


def _time(row: Mapping[str, Any], name: str) -> dt.datetime | None:
    value = _text(row, name)
    if value is None:
        return None
    moment = dt.datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
