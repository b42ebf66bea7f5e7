"""From the parameters of a list of DOIs to the question that they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filmroom.catalog.doi_fields import CREATOR_ORCID, FUNDER_DOI
from filmroom.catalog.doi_terms import funder_of, orcid_of, ror_of
from filmroom.errors import InvalidInput
from filmroom.model.doi_directory import DoiDirectory
from filmroom.model.doi_questions import AtLeast, Condition, DoiQuestion, HasTerm, InYears, OneOf
from filmroom.model.doi_types import dashed
from filmroom.model.dois import KERNEL_4, DoiState, normal_doi
from filmroom.server.datacite.calls import Parameters, leading_number

_NOTHING = OneOf("doi", ())
_CLIENT_TYPE = "repository"
_SCHEMA = KERNEL_4.removesuffix("4")

Values = tuple[str, ...]
_Filter = Callable[[Values, DoiDirectory], Condition]


def _column(column: str) -> _Filter:
    return lambda values, _: OneOf(column, values)


def _folded(column: str) -> _Filter:
    return lambda values, _: OneOf(column, tuple(value.lower() for value in values))


def _years(column: str) -> _Filter:
    def condition(values: Values, _directory: DoiDirectory) -> Condition:
        years = [leading_number(value) for value in values]
        if not all(0 < year < 10_000 for year in years):
            return _NOTHING
        return InYears(column, min(years), max(years))

    return condition


def _terms(field: str, form: Callable[[str], str | None] = str) -> _Filter:
    """Return a filter by a field of the index; values that have not its form are found nowhere."""

    def condition(values: Values, _directory: DoiDirectory) -> Condition:
        known = tuple(value for value in map(form, values) if value)
        return HasTerm(field, known) if known else _NOTHING

    return condition


def _exists(field: str) -> _Filter:
    return lambda _values, _directory: HasTerm(field)


def _at_least(column: str) -> _Filter:
    return lambda values, _: AtLeast(column, leading_number(values[0]))


def _nowhere(_values: Values, _directory: DoiDirectory) -> Condition:
    """Nothing that is asked for here is known of any record."""
    return _NOTHING


def _field_of_science(value: str) -> str:
    return f"FOS: {value.replace('_', ' ').capitalize()}"


_UNION: dict[str, _Filter] = {
    "provider_id": lambda values, known: OneOf("provider", tuple(map(known.provider_symbol, values))),
    "client_id": lambda values, known: OneOf("client", tuple(map(known.client_symbol, values))),
    "affiliation_id": _terms("affiliation_id", ror_of),
    "funder_id": _terms(FUNDER_DOI, funder_of),
    "has_affiliation": _exists("affiliation_id"),
    "has_organization": _exists("organization_id"),
    "has_funder": _exists(FUNDER_DOI),
}
"""Of these a record need meet but one."""

_EACH: dict[str, _Filter] = {
    "consortium_id": _nowhere,
    "prefix": _column("prefix"),
    "created": _years("created"),
    "registered": _years("registered"),
    "published": _years("publication_year"),
    "resource_type_id": lambda values, _: OneOf(
        "resource_type_id", tuple(str(dashed(value)) for value in values)
    ),
    "resource_type": _terms("types.resourceType"),
    "subject": _terms("subjects.subject.keyword"),
    "field_of_science": _terms("subjects.subject.keyword", _field_of_science),
    "license": _terms("rights_list.rightsIdentifier"),
    "schema_version": lambda values, _: OneOf("schema_version", tuple(_SCHEMA + value for value in values)),
    "user_id": _terms(CREATOR_ORCID, orcid_of),
    "affiliation_country": _nowhere,
    "funded_by": _terms("funder_rors", ror_of),
    "has_citations": _at_least("citation_count"),
    "has_references": _at_least("reference_count"),
    "has_parts": _at_least("part_count"),
    "has_part_of": _at_least("part_of_count"),
    "has_versions": _at_least("version_count"),
    "has_version_of": _at_least("version_of_count"),
    "has_views": _at_least("view_count"),
    "has_downloads": _at_least("download_count"),
    "has_person": _exists(CREATOR_ORCID),
    "client_type": lambda values, _: OneOf("state", tuple(DoiState) if _CLIENT_TYPE in values else ()),
    "certificate": _nowhere,
    "re3data_id": _nowhere,
    "opendoar_id": _nowhere,
    "source": _column("source"),
    **{
        f"link_check_{name}": _nowhere
        for name in (
            "status",
            "has_schema_org",
            "body_has_pid",
            "found_schema_org_id",
            "found_dc_identifier",
            "found_citation_doi",
            "redirect_count_gte",
        )
    },
}
"""Of these a record must meet each."""


def question_of(
    parameters: Parameters, directory: DoiDirectory, *, with_state: bool, strict: bool
) -> DoiQuestion:
    """Return the question that a request asks.

    :param with_state: whether the asker may choose states; everybody else sees what is findable.
    :param strict: see ``DoiQuestion``.
    """
    for name in ("ids", "id"):
        if parameters.text(name):
            return DoiQuestion((OneOf("doi", tuple(_dois(parameters.list(name)))),))
    any_of = _conditions(_UNION, parameters, directory)
    all_of = _conditions(_EACH, parameters, directory)
    states = parameters.list("state")
    if with_state and states:
        all_of.append(OneOf("state", states))
    return DoiQuestion(tuple(all_of), tuple(any_of), parameters.text("query"), strict)


def _conditions(
    filters: dict[str, _Filter], parameters: Parameters, directory: DoiDirectory
) -> list[Condition]:
    given = ((filter_, parameters.list(name)) for name, filter_ in filters.items())
    return [filter_(values, directory) for filter_, values in given if values]


def _dois(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        try:
            yield normal_doi(value)
        except InvalidInput:
            continue
