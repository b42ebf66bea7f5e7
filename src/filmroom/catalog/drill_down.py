"""From series that a request names to their studies and images."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.pages import Page, Row
from filmroom.catalog.schema import collection, instance, patient, series, site, study
from filmroom.catalog.series_rows import SERIES_COLUMNS, SERIES_FROM, first_sop_class
from filmroom.catalog.visible import visible_series
from filmroom.errors import InvalidInput
from filmroom.model.access import VisibleSet

MOST_IMAGES = 200_000
"""Images that are listed at once; they are sorted in memory."""
_PAGE = 500
_MISSING = -(2**63)  # before every number

_FRAMES = (
    sa.select(sa.func.max(instance.c.number_of_frames))
    .where(instance.c.series_key == series.c.id)
    .correlate(series)
    .scalar_subquery()
)
_SERIES = (
    *SERIES_COLUMNS,
    series.c.id.label("series_key"),
    study.c.id.label("study_key"),
    patient.c.id.label("patient_key"),
    series.c.annotation_size,
    (series.c.file_size + series.c.annotation_size).label("exact_size"),
    _FRAMES.label("frames"),
    first_sop_class().label("sop_class_uid"),
)
_IMAGES = (
    instance.c.id.label("instance_key"),
    instance.c.content_date,
    instance.c.content_time,
    series.c.id.label("series_key"),
    instance.c.instance_number,
    instance.c.sop_instance_uid,
    series.c.series_instance_uid,
    study.c.study_instance_uid,
    instance.c.size,
    collection.c.name.label("collection"),
    site.c.name.label("site"),
    instance.c.number_of_frames,
    instance.c.acquisition_number,
)


class DrillDown:
    """Studies and images of series that are named by number or UID; those not to be seen are left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def studies(self, named: Sequence[int] | Sequence[str], visible: VisibleSet) -> Iterator[Page]:
        """Yield studies by date and UID, in pages; each has its named series, by number as text.

        :param named: internal numbers of series, or Series Instance UIDs.
        """
        column = series.c.series_instance_uid if _are_uids(named) else series.c.id
        statement = (
            sa.select(study.c.study_date, study.c.study_instance_uid, series.c.id)
            .select_from(series.join(study, study.c.id == series.c.study_key))
            .where(visible_series(visible))
        )
        by_study: dict[tuple[str, str], list[int]] = {}
        for some in chunks(list(dict.fromkeys(named))):
            with self._database.reading() as connection:
                for date, uid, key in connection.execute(statement.where(column.in_(some))):
                    by_study.setdefault((date.isoformat() if date else "", uid), []).append(key)
        keys: list[int] = []
        for place in sorted(by_study):
            keys += by_study[place]
            if len(keys) >= _PAGE:
                yield from self._study_page(keys, visible)
                keys = []
        yield from self._study_page(keys, visible)

    def _study_page(self, keys: list[int], visible: VisibleSet) -> Iterator[Page]:
        """Yield the studies of some series as one page, or none; no study is of two pages."""
        statement = sa.select(*_SERIES).select_from(SERIES_FROM).where(visible_series(visible))
        found: dict[int, Row] = {}
        for some in chunks(keys):
            with self._database.reading() as connection:
                rows = connection.execute(statement.where(series.c.id.in_(some))).mappings()
                found.update((row["series_key"], dict(row)) for row in rows)
        studies: dict[int, list[Row]] = {}
        for key in keys:
            if key in found:
                studies.setdefault(found[key]["study_key"], []).append(found[key])
        if studies:
            yield [_study(members) for members in studies.values()]

    def images(self, named: Sequence[int], visible: VisibleSet) -> Iterator[Page]:
        """Yield the images of some series by instance number, missing ones first, in pages.

        :param named: internal numbers of series.
        :raises InvalidInput: when there are more than :data:`MOST_IMAGES`.
        """
        numbers, keys = array("q"), array("q")
        statement = (
            sa.select(instance.c.instance_number, instance.c.id)
            .select_from(instance.join(series, series.c.id == instance.c.series_key))
            .where(visible_series(visible))
            .limit(MOST_IMAGES + 1)
        )
        for some in chunks(list(dict.fromkeys(named))):
            with self._database.reading() as connection:
                for number, key in connection.execute(statement.where(series.c.id.in_(some))):
                    numbers.append(_MISSING if number is None else number)
                    keys.append(key)
            if len(keys) > MOST_IMAGES:
                raise InvalidInput(f"These series have more than {MOST_IMAGES} images; name fewer.")
        order = sorted(range(len(keys)), key=lambda place: (numbers[place], keys[place]))
        rows = (
            sa.select(*_IMAGES)
            .select_from(SERIES_FROM.join(instance, instance.c.series_key == series.c.id))
            .where(visible_series(visible))
        )
        for places in chunks(order, _PAGE):
            wanted = [keys[place] for place in places]
            with self._database.reading() as connection:
                found = {
                    row["instance_key"]: dict(row)
                    for row in connection.execute(rows.where(instance.c.id.in_(wanted))).mappings()
                }
            page = [found[key] for key in wanted if key in found]
            if page:
                yield page


def _are_uids(named: Sequence[int] | Sequence[str]) -> bool:
    return bool(named) and isinstance(named[0], str)


def _study(members: list[Row]) -> Row:
    first = members[0]
    names = ("study_instance_uid", "study_date", "study_desc", "study_key", "study_id")
    return {
        **{name: first[name] for name in names},
        "excluded": "YES" if any(each["exclude_commercial"] for each in members) else None,
        "series": sorted(members, key=_by_number),
    }


def _by_number(row: Row) -> tuple[str, str]:
    number = row["series_number"]
    return "" if number is None else f"{number:.6f}", row["series_instance_uid"]
