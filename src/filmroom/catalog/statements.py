"""Statements that are built once: building one costs several times what running it does.

A question is made into one of the same kind with parameters for its values; what is built from that serves
every question that sets the same filters.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa

from filmroom.model.access import VisibleSet

T = TypeVar("T")
Build = Callable[[Any, VisibleSet], T]


def _midnight(value: Any) -> Any:
    """Return the beginning of a day: NBIA compares moments with it. Other values are as they are."""
    return dt.datetime.combine(value, dt.time()) if isinstance(value, dt.date) else value


@lru_cache(512)
def _built(
    build: Build[Any],
    kind: Callable[..., Any],
    given: tuple[str, ...],
    fixed: tuple[tuple[str, Any], ...],
    visible: VisibleSet,
) -> Any:
    parameters: dict[str, Any] = {name: sa.bindparam(name) for name in given}
    return build(kind(**parameters, **dict(fixed)), visible)


def prepared(build: Build[T], query: Any, visible: VisibleSet) -> tuple[T, dict[str, Any]]:
    """Return what ``build`` makes of a question, and the values that its statements are run with.

    :param build: called with a question of the same class that has a parameter in place of each text and day;
        switches and the column that is asked for stay. It may be called once for many questions, so that
        nothing but these and the viewer may decide what it builds.
    """
    values: dict[str, Any] = {}
    fixed: list[tuple[str, Any]] = []
    for field in dataclasses.fields(query):
        value = getattr(query, field.name)
        if isinstance(value, bool) or field.name == "column":
            fixed.append((field.name, value))
        elif value is not None:
            values[field.name] = _midnight(value)
    kind: Any = type(query)
    return _built(build, kind, tuple(values), tuple(fixed), visible), values
