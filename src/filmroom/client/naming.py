"""One thing or many: what people pass where a method takes several."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TypeVar

from filmroom.model.entities import Series

T = TypeVar("T", bound="str | PathLike[str] | Series")


def several(named: T | Iterable[T]) -> tuple[T, ...]:
    """Return what is named as a tuple: a text alone is one name, not its letters."""
    if isinstance(named, str | PathLike | Series):
        return (named,)
    return tuple(named)


def uids_of(series: str | Series | Iterable[str | Series]) -> tuple[str, ...]:
    """Return the UIDs of series, each as often as it is named."""
    return tuple(each if isinstance(each, str) else each.series_instance_uid for each in several(series))
