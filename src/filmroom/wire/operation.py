"""One operation of the API: what a row of the table says, and how requests map to questions and back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from filmroom.errors import InvalidInput
from filmroom.model.access import Scope
from filmroom.model.queries import Query
from filmroom.wire.parameters import Parameter
from filmroom.wire.views import View

ROOTS = ("/nbia-api/services", "/nbia-api")
"""Every operation of NBIA's API answers below each of these."""

Version = Literal["", "v1", "v2", "v4", "legacy"]
"""The empty one is that of the operations that NBIA calls unversioned; ``legacy`` what was before them."""
Action = Literal[
    "table",
    "bulk",
    "denied",
    "names",
    "tree",
    "time_points",
    "simple_search",
    "simple_search_manifest",
    "simple_search_restrictions",
    "tags",
    "manifest",
    "digest",
    "series_zip",
    "series_zip_with_digests",
    "series_files_zip",
    "instance",
    "servlet",
    "servlet_version",
    "agreement",
    "agreements",
    "accept_agreement",
    "sop_classes",
    "status",
    "host_name",
    "text_search",
    "text_search_page",
    "text_search_manifest",
    "text_search_restrictions",
    "make_list",
    "drop_list",
    "list",
    "list_contents",
    "thumbnail",
    "wado",
    "roles",
    "login_parameters",
    "studies",
    "images",
    "columns",
]
NoRows = Literal["empty", "no_content", "null_row", "list"]

ZIP = "application/octet-stream"
DICOM = "application/dicom"
JPEG = "image/jpeg"
TEXT = "text/plain"
HTML = "text/html"
JSON = "application/json"
MANIFEST = "application/x-nbia-manifest-file"
TAR = "application/x-tar"
TABLE = "table"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one version.

    ``action`` says what is done; a ``table`` asks the catalogue ``query`` (a class of
    :mod:`filmroom.model.queries`, with ``fixed`` attributes) and shows the rows in ``view``. ``strict``:
    an unknown parameter is refused. ``missing_text``: what is said when a required parameter is absent.
    ``denied_text``: the same for a series that is unknown or not to be seen; ``{uid}`` is put in.
    ``no_rows``: the answer when there is nothing; ``list`` is ``[]``. ``scope``: which series are
    reached. ``auth``: ``public`` ignores a token, ``optional`` accepts one, ``required`` wants one, be it
    the guest's.
    ``public_only``: a token must be valid and shows no more than the public sees. ``attached_csv``: an
    absent ``format``, and ``csv``, mean ``csv-download``. ``POST`` parameters come as a form.
    ``roots``: where it answers by its name alone; without any, it answers below :data:`ROOTS` by version
    and name. ``either_method``: ``GET`` and ``POST`` are answered alike. ``any_case``: names of parameters
    are matched without regard to case and underscores.
    ``successor``: the operation to ask instead of this one, which is deprecated.
    """

    name: str
    version: Version
    parameters: tuple[Parameter, ...]
    summary: str
    action: Action = "table"
    query: type[Query] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    view: View | None = None
    media: str = TABLE
    method: Literal["GET", "POST"] = "GET"
    strict: bool = False
    missing_text: str = ""
    denied_text: str = ""
    no_rows: NoRows = "empty"
    scope: Scope = Scope.SEARCH
    auth: Literal["public", "optional", "required"] = "public"
    public_only: bool = False
    attached_csv: bool = False
    roots: tuple[str, ...] = ()
    either_method: bool = False
    any_case: bool = False
    successor: Operation | None = None
    notes: str = ""

    @property
    def path(self) -> str:
        """The canonical path, for example ``/nbia-api/services/v4/getSeries``."""
        return self.paths[0]

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that it answers."""
        if self.either_method:
            return "GET", "HEAD", "POST"
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path under which it answers, the canonical one first."""
        if self.roots:
            return tuple(f"{root}/{self.name}" for root in self.roots)
        return tuple(f"{root}/{self.label}" for root in ROOTS)

    @property
    def label(self) -> str:
        """Version and name, for example ``v4/getSeries``: what the table, the log and the metrics say."""
        return f"{self.version}/{self.name}" if self.version else self.name

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)


def read_parameters(operation: Operation, params: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the values that a request's parameters set, by field name.

    :return: None when a date cannot be read: the answer is then the empty one (NBIA behaviour).
    """
    values: dict[str, Any] = {}
    for parameter in operation.parameters:
        text = params.get(parameter.name, parameter.default)
        if not parameter.field or parameter.repeated or text is None:
            continue
        try:
            values[parameter.field] = parameter.kind.form.read(text)
        except ValueError:
            return None
    return values


def build_query(operation: Operation, params: Mapping[str, str]) -> Query | None:
    """Return the question that a request asks; None when a date in it cannot be read."""
    if operation.query is None:
        raise TypeError(f"{operation.name} asks no question of the catalogue")
    values = read_parameters(operation, params)
    return None if values is None else operation.query(**{**operation.fixed, **values})


def encode_params(operation: Operation, query: Query | Mapping[str, Any]) -> dict[str, str]:
    """Return the request's parameters for a question, or for a mapping from field names to values.

    A day given as ``released_after`` to an operation that takes ``released_since`` is moved by one day,
    and the other way round.

    :raises InvalidInput: when the operation has no parameter for something that the question asks.
    """
    wanted = dict(query) if isinstance(query, Mapping) else _asked(query)
    for name, value in operation.fixed.items():
        if wanted.get(name) == value:
            del wanted[name]
    encoded: dict[str, str] = {}
    for parameter in operation.parameters:
        value = _take(parameter.field, wanted)
        if value is not None:
            encoded[parameter.name] = parameter.kind.form.write(value)
    for name, value in wanted.items():
        # Switches such as exact_case are part of the operation, not of a request.
        if value is not None and not isinstance(value, bool):
            raise InvalidInput(f"{operation.name} ({operation.version}) cannot be asked by {name}.")
    return encoded


def _asked(query: Query) -> dict[str, Any]:
    return {each.name: getattr(query, each.name) for each in dataclasses.fields(query)}


_OTHER_BOUND = {"released_after": ("released_since", -1), "released_since": ("released_after", 1)}


def _take(name: str, wanted: dict[str, Any]) -> Any:
    value = wanted.pop(name, None)
    if value is None and name in _OTHER_BOUND:
        other, days = _OTHER_BOUND[name]
        day = wanted.pop(other, None)
        value = None if day is None else day + dt.timedelta(days=days)
    return value
