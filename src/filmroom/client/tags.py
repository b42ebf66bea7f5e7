"""Questions about the attributes of objects, and what segmentations refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from filmroom.client.layout import checked_uid
from filmroom.client.question import Asking, question_of_series
from filmroom.client.records import Records
from filmroom.client.steps import Answer, Request, Rows, Steps
from filmroom.errors import BadAnswer, NotFound
from filmroom.wire.decode import decode
from filmroom.wire.operations import Operation
from filmroom.wire.views import Column, View

_TAGS = View("tags", (Column("element", "element"), Column("name", "name"), Column("data", "data")))
_MODALITY = "(0008,0060)"
_SERIES_UID = "(0020,000E)"
REFERENCES: dict[str, tuple[str, ...]] = {
    "SEG": ("(0008,1115)",),
    "RTSTRUCT": ("(3006,0010)", "(3006,0012)", "(3006,0014)"),
}
"""Where a reference stands, by modality: the sequences around the UID of a series, outermost first."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One attribute of an object: ``element`` as ``>(gggg,eeee)`` with a ``>`` for each level of nesting.

    ``data`` has the values joined with a backslash; None for a sequence, whose items follow, and which a
    row named ``End …`` closes.
    """

    element: str
    name: str | None = None
    data: str | None = None


class TagQuestions(Asking):
    """Attributes without the images."""

    @question_of_series
    def tags(self, series_instance_uid: str, sop_instance_uid: str | None = None) -> Steps[Records[Tag]]:
        """Return the attributes of a series' first object, or of the one that is named, up to its pixels.

        :raises NotFound: when the server does not have it, or does not show it.
        """
        uid = checked_uid(series_instance_uid)
        if sop_instance_uid is None:
            rows = yield from self._tags_of("getDicomTags", {"SeriesUID": uid})
        else:
            key = yield from self._key_of(uid, checked_uid(sop_instance_uid))
            rows = yield from self._tags_of("getDicomTagsByImageID", {"imageID": str(key)})
        return Records.of_rows(Tag, rows)

    @question_of_series
    def referenced_series(self, series_instance_uid: str) -> Steps[list[str]]:
        """Return the UIDs of the series that a segmentation (SEG, RTSTRUCT) was made on.

        None for a series that is no segmentation, or does not say.
        """
        rows = yield from self._tags_of("getDicomTags", {"SeriesUID": checked_uid(series_instance_uid)})
        return referenced_series((row["element"], row["data"]) for row in rows)

    def _tags_of(self, name: str, form: dict[str, str]) -> Steps[Rows]:
        rows: Rows = yield Request(self._advanced(name), {}, _read_tags, form=form)
        if not rows:
            raise NotFound(f"{self.base_url} has no such object, or none of its attributes.")
        return rows

    def _key_of(self, series: str, instance: str) -> Steps[int]:
        """Return the server's own number of an object, which it asks for."""
        found = yield from self._drilled(self._advanced("getStudyDrillDownWithSeriesIds"), series)
        keys = [each.get("seriesPkId") for study in found for each in study.get("seriesList") or ()]
        for key in keys:
            for image in (yield from self._drilled(self._advanced("getImageDrillDown"), str(key))):
                if image.get("sopInstanceUid") == instance and isinstance(image.get("imagePkId"), int):
                    return int(image["imagePkId"])
        raise NotFound(f"{self.base_url} has no object {instance} in series {series}, or does not show it.")

    def _drilled(self, operation: Operation, listed: str) -> Steps[Rows]:
        rows: Rows = yield Request(operation, {}, _read_objects, form={"list": listed})
        return rows


def modality_of(tags: Iterable[tuple[str, Any]]) -> str | None:
    """Return the modality that attributes, as pairs of element and data, tell of their object."""
    return next((data for element, data in tags if element == _MODALITY), None)


def referenced_series(tags: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the Series Instance UIDs that a segmentation's attributes refer to, each once.

    :param tags: pairs of element and data, in their order.
    """
    pairs = list(tags)
    path = REFERENCES.get(modality_of(pairs) or "")
    return [] if path is None else list(dict.fromkeys(_within(pairs, path)))


def _within(tags: Iterable[tuple[str, Any]], path: Sequence[str]) -> Iterator[str]:
    """Yield the Series Instance UIDs that stand right inside a nest of sequences."""
    around: list[str] = []
    for marked, data in tags:
        tag = marked.lstrip(">")
        del around[len(marked) - len(tag) :]
        if tag == _SERIES_UID and tuple(around) == tuple(path) and data:
            yield str(data)
        around.append(tag)


def _read_tags(answer: Answer) -> Rows:
    rows = decode(_TAGS, answer.content)
    if any(row["element"] is None for row in rows):
        raise BadAnswer("The server's answer has an attribute without its element.")
    return rows


def _read_objects(answer: Answer) -> Rows:
    try:
        return msgspec.json.decode(answer.content or b"[]", type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer is not a list of objects: {error}.") from None
