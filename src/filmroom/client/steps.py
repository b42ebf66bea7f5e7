"""The steps of a question: what it requests, and what it makes of the answers. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from filmroom.errors import FilmroomError
from filmroom.model.queries import Query
from filmroom.wire.operations import Operation, encode_params

R = TypeVar("R")
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

    ``form`` is what travels, by names on the wire, where the operation's parameters are more than fields of
    the query; the query then says what it means, to who answers without a server. ``root`` is that of another
    server than the client's own, which is asked as nobody.
    """

    operation: Operation
    query: Query | Mapping[str, Any]
    read: Callable[[Answer], Any]
    form: Form | None = None
    root: str | None = None

    @property
    def parameters(self) -> Form:
        """What travels. :raises InvalidInput: when the operation cannot be asked that."""
        return encode_params(self.operation, self.query) if self.form is None else self.form

    @property
    def manner(self) -> dict[str, bool]:
        """How a connection is to ask: what 400 means, and as whom where nobody is logged in."""
        return {"denial": bool(self.operation.denied_text), "as_guest": self.operation.auth == "required"}


Steps = Generator[Request, Any, R]
"""A question: yields requests, is sent what :attr:`Request.read` made of their answers, returns a result."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[R]):
    """What a question came to."""

    result: R


def begin(steps: Steps[R]) -> Request | Finished[R]:
    """Return the first request of a question, or its result where it needs none."""
    return _step(lambda: next(steps))


def go_on(steps: Steps[R], outcome: Any) -> Request | Finished[R]:
    """Tell a question what :attr:`Request.read` made of an answer; return its next request, or its result."""
    return _step(lambda: steps.send(outcome))


def fail(steps: Steps[R], error: FilmroomError) -> Request | Finished[R]:
    """Tell a question why its request was not answered; return what it asks instead.

    :raises FilmroomError: that error, where it asks nothing.
    """
    return _step(lambda: steps.throw(error))


def _step(step: Callable[[], Request]) -> Request | Finished[Any]:
    try:
        return step()
    except StopIteration as end:
        return Finished(end.value)
