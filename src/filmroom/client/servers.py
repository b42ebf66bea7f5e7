"""Which version of the API a server speaks, and which of several servers has a series: found by asking.

Version 4 is tried first. Where a server does not know an operation of it, it is asked for the versions
before, and what was found is kept for that server. A series that a server does not have is asked of the
others that belong to it: of TCIA's two one has the National Lung Screening Trial, the other all else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, cast

from filmroom import settings
from filmroom.client.naming import several
from filmroom.client.records import Records
from filmroom.client.steps import Answer, Request, Steps, begin, fail, go_on
from filmroom.errors import FilmroomError, NoSuchOperation, NotFound
from filmroom.model.entities import Series
from filmroom.model.queries import FindValues
from filmroom.net.address import server_root
from filmroom.wire.operations import find_operation

R = TypeVar("R")

NEWEST = "v4"
_NLST = "https://nlst.cancerimagingarchive.net"
_SIBLINGS = {settings.TCIA_SERVER: (_NLST,), _NLST: (settings.TCIA_SERVER,)}
_SPOKEN: dict[tuple[str, bool], str] = {}  # by the server's root, and whether one asks as somebody


class Asker(Protocol):
    """What is to be known of a client."""

    @property
    def base_url(self) -> str: ...
    @property
    def has_login(self) -> bool: ...
    @property
    def api(self) -> str: ...
    @property
    def chosen_api(self) -> str | None: ...
    @property
    def others(self) -> Sequence[str]: ...
    def note_elsewhere(self, uids: Iterable[str], root: str) -> None: ...


def siblings(root: str, chosen: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the roots of the servers that are asked for what one does not have.

    :param chosen: None for those that are known to belong to it.
    :raises InvalidInput: when one of them is no server's address.
    """
    found = _SIBLINGS.get(root, ()) if chosen is None else map(server_root, several(chosen))
    return tuple(dict.fromkeys(each for each in found if each != root))


def spoken_version(root: str, *, has_login: bool) -> str:
    """Return the version that a server is known to speak, the newest where nothing is known."""
    return _SPOKEN.get((root, has_login), NEWEST)


def in_its_version(client: Asker, make: Callable[[], Steps[R]]) -> Steps[R]:
    """Ask a question; where the server does not know what is requested, find its version and ask again.

    :param make: begins the question, in the client's version of that moment.
    """
    before = client.api
    try:
        return (yield from make())
    except NoSuchOperation:
        # Of many that ask at once, the first finds out for all.
        if client.api == before and not (yield from _has_another(client, before)):
            raise
    return (yield from make())


def _has_another(client: Asker, tried: str) -> Steps[bool]:
    """Find out which version the server speaks; return whether it is another one than was tried."""
    if client.chosen_api is not None:
        return False
    for version in (NEWEST, "v2" if client.has_login else "v1"):
        operation = find_operation(version, "getCollectionValues")
        try:
            yield Request(operation, FindValues("collection"), _heard)
        except NoSuchOperation:
            continue
        _SPOKEN[client.base_url, client.has_login] = version
        return version != tried
    return False


def _heard(answer: Answer) -> None:
    del answer


def here_or_elsewhere(client: Asker, make: Callable[[], Steps[R]], named: object) -> Steps[R]:
    """Ask a question about series; where the server has nothing, ask the others that belong to it.

    :param named: the series that is asked about, if one is.
    """
    missing: NotFound | None = None
    result = cast("R", None)
    try:
        result = yield from make()
    except NoSuchOperation:
        raise
    except NotFound as error:
        missing = error
    if result or not client.others:
        return _known(result, missing)
    for root in client.others:
        try:
            found = yield from asked_of(root, make())
        except NotFound:
            continue
        if found:
            client.note_elsewhere(_uids(named, found), root)
            return found
    return _known(result, missing)


def asked_of(root: str, steps: Steps[R]) -> Steps[R]:
    """Send what a question requests to another server."""
    step = begin(steps)
    while isinstance(step, Request):
        request = step
        try:
            outcome = yield replace(request, root=root)
        except FilmroomError as error:
            step = fail(steps, error)
        else:
            step = go_on(steps, outcome)
    return step.result


def _known(result: R, missing: NotFound | None) -> R:
    if missing is not None:
        raise missing
    return result


def _uids(named: object, found: object) -> Iterator[str]:
    if isinstance(named, str):
        yield named.strip()
    if isinstance(found, Records):
        yield from (each.series_instance_uid for each in found if isinstance(each, Series))
