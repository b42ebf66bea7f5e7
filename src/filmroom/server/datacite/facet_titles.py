"""What lists are counted by, with the titles that people read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from filmroom.model.doi_directory import DoiDirectory
from filmroom.model.doi_questions import Counted
from filmroom.model.doi_types import licence_title, spaced
from filmroom.server.datacite.documents import Json

_Named = Callable[[Counted, DoiDirectory], tuple[str, str]]
"""From what was counted to identifier and title."""


def _as_it_is(each: Counted, _directory: DoiDirectory) -> tuple[str, str]:
    return each.value, each.label or each.value


def _schema(each: Counted, _directory: DoiDirectory) -> tuple[str, str]:
    version = each.value.rpartition("kernel-")[2]
    return version, f"Schema {version}"


def _words_capital(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:].lower() for word in text.split(" "))


def _field(each: Counted, _directory: DoiDirectory) -> tuple[str, str]:
    return each.value.lower().replace(" ", "_"), each.value


_NAMED: dict[str, _Named] = {
    "states": lambda each, _: (each.value, each.value.title()),
    "resourceTypes": lambda each, _: (each.value, spaced(each.value)),
    "providers": lambda each, known: (each.value, known.provider_name(each.value)),
    "clients": lambda each, known: (each.value, known.client_name(each.value)),
    "licenses": lambda each, _: (each.value, licence_title(each.value)),
    "licensesWithMissing": lambda each, _: (each.value, each.label or licence_title(each.value)),
    "schemaVersions": _schema,
    "subjects": lambda each, _: (each.value, _words_capital(each.value)),
    "fieldsOfScience": _field,
}


def titled(name: str, counted: Sequence[Counted], directory: DoiDirectory) -> list[Json]:
    """Return a facet as the API shows it."""
    form = _NAMED.get(name, _as_it_is)
    named = ((form(each, directory), each.count) for each in counted)
    return [{"id": key, "title": title, "count": count} for (key, title), count in named]
