"""From the criteria of a search to the series that match: a mask over the columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from filmroom.catalog.simple_search_changes import read_values
from filmroom.catalog.simple_search_columns import (
    NO_DAY,
    Holdings,
    Keys,
    Series,
    Vocabulary,
)
from filmroom.catalog.simple_search_terms import Bools, Numbers, Terms
from filmroom.model.search import Days, Equipment, Range, SimpleSearch, age_in_years


def matching(
    holdings: Holdings,
    search: SimpleSearch,
    sites: Keys,
    *,
    collection_sites: Keys,
    studies: Keys | None,
    series: Keys | None,
) -> Keys:
    """Return the rows that match, ascending.

    :param sites: those that the viewer may see. :param collection_sites: those of ``search.collections``.
    :param studies: the keys that ``search.study_instance_uids`` found, None where it does not filter.
    :param series: the same for ``search.series_instance_uids``.
    """
    people = _people(holdings, search, sites, collection_sites)
    if not people.any():
        return np.empty(0, np.int64)
    rows = people[holdings.slot]
    for condition in _conditions(holdings.series, holdings.words, search):
        rows &= condition
    for keys, column in ((studies, holdings.series.study), (series, holdings.series.key)):
        if keys is not None:
            rows &= np.isin(column, keys)
    return np.flatnonzero(rows)


# -- patients ------------------------------------------------------------------------------------------


def _people(holdings: Holdings, search: SimpleSearch, sites: Keys, collection_sites: Keys) -> Bools:
    patients, words = holdings.patients, holdings.words
    people = np.isin(patients.site, sites)
    if search.collections:
        people &= np.isin(patients.site, collection_sites)
    if search.species:
        people &= words.species.among(search.species)[patients.species]
    if search.sexes:
        people &= words.sex.among(search.sexes)[patients.sex]
    if search.patient_ids:
        people &= words.subject.named(search.patient_ids)[patients.subject]
    if search.phantoms:
        people &= _either(patients.phantom, search.phantoms)
    if search.more_studies_than:
        people &= patients.studies > min(search.more_studies_than)
    if search.more_study_dates_than:
        people &= patients.study_dates > min(search.more_study_dates_than)
    if search.all_modalities:
        for modality in search.modalities:
            people &= _having(holdings, words.modality.among([modality])[holdings.series.modality])
    return people


def _having(holdings: Holdings, rows: Bools) -> Bools:
    """Return which patients have one of some rows."""
    having = np.zeros(len(holdings.patients.key), np.bool_)
    having[holdings.slot[rows]] = True
    return having


# -- series --------------------------------------------------------------------------------------------


def _conditions(series: Series, words: Vocabulary, search: SimpleSearch) -> Iterable[Bools]:
    if search.modalities:
        yield words.modality.among(search.modalities)[series.modality]
    if search.body_parts:
        yield words.body_part.among(search.body_parts)[series.body_part]
    if search.equipment:
        yield _made_by(series, words, search.equipment)
    if search.released:
        yield _released(series.released, search.released)
    if search.ages:
        yield words.age.where(partial(_is_aged, search.ages))[series.age]
    for column, ranges in (
        (series.pixel_spacings, search.pixel_spacings),
        (series.slice_thicknesses, search.slice_thicknesses),
    ):
        if ranges:
            yield words.geometry.where(partial(_measures, ranges))[column]
    if search.descriptions:
        told = words.description.telling(search.descriptions)
        yield told[series.description] | told[series.protocol] | told[series.study_description]
    if search.third_party:
        yield _either(series.third_party, search.third_party)
    if search.commercial_only:
        yield ~series.restricted
    if search.time_points:
        yield _at_times(series, words.event, search)


def _either(column: Bools, wanted: Sequence[bool]) -> Bools:
    return np.ones(len(column), np.bool_) if len(set(wanted)) > 1 else column == wanted[0]


def _made_by(series: Series, words: Vocabulary, equipment: Sequence[Equipment]) -> Bools:
    found = np.zeros(len(series.key), np.bool_)
    for each in equipment:
        made = words.manufacturer.among([each.manufacturer])[series.manufacturer]
        if each.model is not None:
            made &= words.model.among([each.model])[series.model]
        if each.software is not None:
            made &= words.software.among([each.software])[series.software]
        found |= made
    return found


def _released(column: Numbers, spans: Sequence[Days]) -> Bools:
    found = np.zeros(len(column), np.bool_)
    for span in spans:
        within = column != NO_DAY
        if span.first is not None:
            within &= column >= span.first.toordinal()
        if span.last is not None:
            within &= column <= span.last.toordinal()
        found |= within
    return found


def _at_times(series: Series, events: Terms, search: SimpleSearch) -> Bools:
    found = np.zeros(len(series.key), np.bool_)
    for point in search.time_points:
        # A missing offset is no number: nothing compares with it, and it lies in no range.
        at = events.among([point.event])[series.event] & ~np.isnan(series.offset)
        if point.days.low is not None:
            at &= series.offset >= point.days.low
        if point.days.high is not None:
            at &= series.offset <= point.days.high
        found |= at
    return found


def _is_aged(ranges: Sequence[Range], text: str) -> bool:
    try:
        age = age_in_years(text)
    except ValueError:
        return False
    return any(age in each for each in ranges)


def _measures(ranges: Sequence[Range], text: str) -> bool:
    return any(value in each for value in read_values(text) for each in ranges)
