"""A question is data: what is requested, and how the answer is read. Clients send it, each in its way.

A question is written once, as a generator that yields :class:`Request` and is given what each one was
answered with. :func:`question` makes a method of it, which :class:`Blocking` clients answer when it is
called and :class:`Awaiting` ones when it is awaited.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from filmroom.client.records import Records
from filmroom.model.queries import FindValues, Query
from filmroom.wire.decode import decode
from filmroom.wire.operations import Operation, encode_params, find_operation

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Form = Mapping[str, str | Sequence[str]]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: ``content`` is empty for 204 and for NBIA's empty 200."""

    content: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request: an operation, the ``query`` that is asked with it, and how the answer is read.

    ``form`` holds parameters that no field of the query stands for, by their name on the wire.
    """

    operation: Operation
    query: Query | Mapping[str, Any]
    read: Callable[[Answer], Any]
    form: Form = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, str | Sequence[str]]:
        """What travels. :raises InvalidInput: when the operation cannot be asked that."""
        return {**encode_params(self.operation, self.query), **self.form}


Steps = Generator[Request, Any, R]
"""A question: yields requests, is sent what :attr:`Request.read` made of their answers, returns a result."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[R]):
    """What a question came to."""

    result: R


def begin(steps: Steps[R]) -> Request | Finished[R]:
    """Return the first request of a question, or its result where it needs none."""
    return _step(lambda: next(steps))


def go_on(steps: Steps[R], request: Request, answer: Answer) -> Request | Finished[R]:
    """Tell a question what its request was answered with; return its next one, or its result."""
    return _step(lambda: steps.send(request.read(answer)))


def _step(step: Callable[[], Request]) -> Request | Finished[Any]:
    try:
        return step()
    except StopIteration as end:
        return Finished(end.value)


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
        return self._run(steps(self, *args, **kwargs))

    # To people it returns what the question does.
    signature = inspect.signature(steps)
    shown = str(signature.return_annotation).removeprefix("Steps[").removesuffix("]")
    ask.__signature__ = signature.replace(return_annotation=shown)  # type: ignore[attr-defined]
    return cast("Question[P, R]", ask)


class Asking:
    """What questions know of the client that asks them, and their parts."""

    @property
    def api(self) -> str:
        """Version of the NBIA API that is spoken."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """Root of the server."""
        raise NotImplementedError

    @property
    def has_login(self) -> bool:
        """Whether the client asks as somebody."""
        raise NotImplementedError

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
