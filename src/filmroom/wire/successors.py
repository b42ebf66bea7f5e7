"""What changes for a caller who goes from a deprecated operation to its successor, read from both rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from filmroom.wire.operation import TABLE, Operation, encode_params, read_parameters
from filmroom.wire.parameters import Parameter
from filmroom.wire.views import Column


def example_calls(operation: Operation) -> tuple[str, str]:
    """Return an old call and the new one that asks the same: paths with their parameters."""
    given = {p.name: p.example for p in operation.parameters if p.required}
    values = read_parameters(operation, given)
    assert values is not None  # noqa: S101 - examples can be read
    successor = _successor(operation)
    named = {p.name: given[p.name] for p in successor.parameters if not p.field and p.name in given}
    return _call(operation, given), _call(successor, {**encode_params(successor, values), **named})


def differences(operation: Operation) -> tuple[str, ...]:
    """Return sentences about everything that differs beside the path; names stand in backticks."""
    successor = _successor(operation)
    return (
        *_parameter_differences(operation, successor),
        *_column_differences(operation, successor),
        *_rule_differences(operation, successor),
    )


def common_differences(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Return what all of some deprecated operations have in common among their differences."""
    first, *others = (differences(operation) for operation in operations)
    return tuple(sentence for sentence in first if all(sentence in other for other in others))


def _successor(operation: Operation) -> Operation:
    if operation.successor is None:
        raise ValueError(f"{operation.label} has no successor")
    return operation.successor


def _call(operation: Operation, params: dict[str, str]) -> str:
    return f"{operation.path}?{urlencode(params, safe='/')}" if params else operation.path


def _parameter_differences(old: Operation, new: Operation) -> Iterator[str]:
    by_field = {_meaning(parameter): parameter for parameter in new.parameters}
    for parameter in old.parameters:
        now = by_field.pop(_meaning(parameter), None)
        if now is None:
            yield f"`{parameter.name}` is gone."
            continue
        if now.name != parameter.name:
            yield f"`{parameter.name}` is now `{now.name}`."
        if now.kind is not parameter.kind:
            yield f"`{now.name}` is written {now.kind.form.help}, no longer {parameter.kind.form.help}."
        if now.field != parameter.field:
            yield f"`{now.name}`: {now.help}; it was: {parameter.help}."
    if by_field:
        yield f"New parameters: {_names(p.name for p in by_field.values())}."


def _meaning(parameter: Parameter) -> str:
    # The two bounds of a date are one parameter, changed.
    return {"released_since": "released_after"}.get(parameter.field, parameter.field) or parameter.name


def _column_differences(old: Operation, new: Operation) -> Iterator[str]:
    if old.view is None or new.view is None:
        return
    by_source = {_origin(column): column for column in new.view.columns}
    gone = []
    for column in old.view.columns:
        now = by_source.pop(_origin(column), None)
        if now is None:
            gone.append(column.name)
            continue
        if now.name != column.name:
            yield f"The column `{column.name}` is now `{now.name}`."
        if now.type is not column.type:
            yield f"The column `{now.name}` is written as {now.type.value}, no longer as {column.type.value}."
    if gone:
        yield f"Columns that are gone: {_names(gone)}."
    if by_source:
        yield f"New columns: {_names(column.name for column in by_source.values())}."


def _origin(column: Column) -> str:
    return column.source or column.name


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rule_differences(old: Operation, new: Operation) -> Iterator[str]:
    if old.media == TABLE and old.no_rows == "list" and new.no_rows == "empty":
        yield "Where there is nothing, JSON is zero bytes, no longer `[]`."
    if old.any_case and not new.any_case:
        yield "Names of parameters are matched exactly."
    if new.strict and not old.strict:
        yield "A parameter that is not listed is refused, no longer ignored."
