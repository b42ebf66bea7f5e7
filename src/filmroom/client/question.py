"""A question is data: what is requested, and how the answer is read. Clients send it, each in its way.

A question is written once, as a generator that yields :class:`~filmroom.client.steps.Request` and is given
what each one was answered with. :func:`question` makes a method of it, which :class:`Blocking` clients answer
when it is called and :class:`Awaiting` ones when it is awaited.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from filmroom.client.records import Records
from filmroom.client.servers import here_or_elsewhere, in_its_version, spoken_version
from filmroom.client.steps import Answer, Request, Rows, Steps
from filmroom.model.queries import FindValues, Query
from filmroom.wire.decode import decode
from filmroom.wire.operations import Operation, find_operation

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Blocking:
    """Answers a question when it is asked."""

    def _run(self, steps: Steps[R]) -> R:
        raise NotImplementedError


class Awaiting:
    """Answers a question when it is awaited."""

    async def _run(self, steps: Steps[R]) -> R:
        raise NotImplementedError


class Question(Protocol[P, R_co]):
    """What :func:`question` makes, to type checkers."""

    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, R_co]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Coroutine[Any, Any, R_co]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Any]: ...


def question(steps: Callable[Concatenate[Any, P], Steps[R]]) -> Question[P, R]:
    """Make a method that asks a question of the steps of that question."""

    @functools.wraps(steps)
    def ask(self: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self._run(in_its_version(self, lambda: steps(self, *args, **kwargs)))

    return _shown(ask, steps)


def question_of_series(steps: Callable[Concatenate[Any, P], Steps[R]]) -> Question[P, R]:
    """As :func:`question`, for what is asked of a series: where the server has nothing, others are asked."""

    @functools.wraps(steps)
    def ask(self: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        def begin() -> Steps[R]:
            return steps(self, *args, **kwargs)

        named = kwargs.get("series_instance_uid", next(iter(args), None))
        return self._run(in_its_version(self, lambda: here_or_elsewhere(self, begin, named)))

    return _shown(ask, steps)


def _shown(ask: Any, steps: Callable[Concatenate[Any, P], Steps[R]]) -> Question[P, R]:
    # To people it returns what the question does.
    signature = inspect.signature(steps)
    shown = str(signature.return_annotation).removeprefix("Steps[").removesuffix("]")
    ask.__signature__ = signature.replace(return_annotation=shown)
    return cast("Question[P, R]", ask)


class Asking:
    """What questions know of the client that asks them, and their parts."""

    @property
    def api(self) -> str:
        """Version of the NBIA API that is spoken: the one chosen, else what was found for the server."""
        return self.chosen_api or spoken_version(self.base_url, has_login=self.has_login)

    @property
    def chosen_api(self) -> str | None:
        """Version of the NBIA API that was given by hand."""
        raise NotImplementedError

    @property
    def others(self) -> Sequence[str]:
        """Roots of the servers that are asked for series that this one does not have."""
        raise NotImplementedError

    def note_elsewhere(self, uids: Iterable[str], root: str) -> None:
        """Take note of a server that has some series."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """Root of the server."""
        raise NotImplementedError

    @property
    def has_login(self) -> bool:
        """Whether the client asks as somebody."""
        raise NotImplementedError

    def _advanced(self, name: str, before_v4: str | None = None) -> Operation:
        """Return an operation that v4 shares with those that have no version."""
        return find_operation("v4", name) if self.api == "v4" else find_operation("", before_v4 or name)

    def _rows_of(self, operation: Operation, query: Query) -> Steps[Rows]:
        view = operation.view
        if view is None:
            raise TypeError(f"{operation.name} answers no table")

        def read(answer: Answer) -> Rows:
            return decode(view, answer.content, answer.media or "application/json")

        rows: Rows = yield Request(operation, query, read)
        return rows

    def _rows(self, name: str, query: Query) -> Steps[Rows]:
        return (yield from self._rows_of(find_operation(self.api, name), query))

    def _records(self, kind: type[R], name: str, query: Query) -> Steps[Records[R]]:
        rows = yield from self._rows(name, query)
        return Records.of_rows(kind, rows)

    def _values(self, name: str, query: FindValues) -> Steps[list[str]]:
        rows = yield from self._rows(name, query)
        found = (row[query.column] for row in rows)
        return list(dict.fromkeys(str(value) for value in found if value is not None))
