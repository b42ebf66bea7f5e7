"""The worker of registration: one record after the other, until the other end has them as they are here.

Killed at any instant it begins again with a look at the other end, so nothing is sent twice that is there.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
from dataclasses import dataclass
from typing import Any

from filmroom.catalog import Catalog
from filmroom.catalog.doi_pushes import DoiPushes
from filmroom.errors import InvalidInput
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.net.retry import RetryPolicy
from filmroom.server.logs import get_logger
from filmroom.server.registration.far_end import AccountRefused, FarEnd, NotNow, Refused
from filmroom.server.registration.options import TEST_PREFIX, RegistrationOptions
from filmroom.server.registration.payload import FarRecord, body_of, digest_of, event_for
from filmroom.wire.datacite.change import document_of
from filmroom.wire.datacite.validation import validate

_log = get_logger("filmroom.registration")

LEASE_SECONDS = 300.0
"""Longer than everything that is asked of the other end for one record may take."""
_PATIENCE = RetryPolicy(attempts=1_000_000, first_wait=10, longest_wait=3_600)
_IDLE_SECONDS = 5.0
_ACCOUNT_SECONDS = 600.0
_CLOSING_SECONDS = 10.0


def worker_name() -> str:
    """Return a name that no other worker has, on this machine or another."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent for a record; ``body`` is None where the other end has it as it is."""

    address: str
    body: dict[str, Any] | None
    digest: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one record. ``outcome`` is sent, same, waiting or stopped."""

    doi: str
    outcome: str
    message: str = ""


class Registrar:
    """Sends what waits in the queue.

    :param lease: seconds after which another worker may take what this one was sending.
    """

    def __init__(
        self,
        pushes: DoiPushes,
        options: RegistrationOptions,
        *,
        lease: float = LEASE_SECONDS,
        policy: RetryPolicy = _PATIENCE,
    ) -> None:
        self._pushes = pushes
        self._options = options
        self._lease = lease
        self._policy = policy

    def step(self, far: FarEnd, name: str | None = None) -> Sent | None:
        """Send one record; None when nothing is due. :raises AccountRefused: when the account is not taken.

        :param name: only this DOI.
        """
        push = self._pushes.take(self._lease, name)
        if push is None:
            return None
        doi = push.record.doi
        try:
            digest, outcome = self._send(far, push.record)
        except NotNow as error:
            wait = self._policy.wait(push.tries + 1, error.retry_after, random.random)
            self._pushes.failed(push, str(error), wait)
            return _told(Sent(doi, "waiting", str(error)))
        except (Refused, InvalidInput) as error:
            self._pushes.failed(push, str(error), None)
            if isinstance(error, AccountRefused):
                raise
            return _told(Sent(doi, "stopped", str(error)))
        except Exception as error:
            # A fault of ours: told, and not in the way of the others.
            wait = self._policy.wait(push.tries + 1)
            self._pushes.failed(push, f"A fault: {type(error).__name__}.", wait)
            raise
        self._pushes.done(push, digest)
        return _told(Sent(doi, outcome))

    def request(self, far: FarEnd, record: DoiRecord) -> Request:
        """Return what would be sent for a record now.

        :raises InvalidInput: when it may not be sent. :raises NotNow: :raises Refused:
        """
        self._check(record)
        there = far.get(record.doi)
        event = event_for(record.state, None if there is None else there.state)
        document = document_of(record)
        digest = digest_of(document)
        same = there is not None and event is None and _digest_there(there) == digest
        body = None if same else body_of(record, event, self._options.symbol)
        return Request(far.address_of(record.doi), body, digest)

    def _send(self, far: FarEnd, record: DoiRecord) -> tuple[str, str]:
        """Make the other end's record like ours; return the digest of it, and what was done."""
        request = self.request(far, record)
        if request.body is None:
            return request.digest, "same"
        if record.state is DoiState.FINDABLE:
            far.check_landing_page(record.url or "")
        there = far.put(record.doi, request.body)
        if there.state != record.state.value:
            raise NotNow(f"The record is {there.state} at {self._options.root}, not {record.state.value}.")
        return request.digest, "sent"

    def _check(self, record: DoiRecord) -> None:
        """:raises InvalidInput: for a record that must not leave the house."""
        if self._options.system == "production" and record.prefix == TEST_PREFIX:
            raise InvalidInput(
                f"{record.doi} is under the prefix for tests and cannot be registered for good."
            )
        problems = validate(document_of(record))
        if problems:
            raise InvalidInput("; ".join(f"{each.source}: {each.title}" for each in problems))


def _digest_there(there: FarRecord) -> str | None:
    try:
        return digest_of(there.attributes)
    except InvalidInput:  # metadata of a shape that we do not know: then ours is sent
        return None


def _told(sent: Sent) -> Sent:
    _log.info("registration", doi=sent.doi, outcome=sent.outcome, message=sent.message)
    return sent


class BackgroundRegistrar:
    """Sends what waits while the server runs, in a thread."""

    def __init__(self, catalog: Catalog, options: RegistrationOptions) -> None:
        self._pushes = catalog.doi_pushes(options.system, options.symbol, worker_name())
        self._registrar = Registrar(self._pushes, options)
        self._options = options
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filmroom-registration", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the record that is being sent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        with FarEnd(self._options) as far:
            while not self._closing.is_set():
                self._closing.wait(self._round(far))

    def _round(self, far: FarEnd) -> float:
        """Send one record; return the seconds to rest."""
        try:
            if not self._pushes.is_any_due():
                return _IDLE_SECONDS
            return self._options.pause if self._registrar.step(far) is not None else _IDLE_SECONDS
        except AccountRefused as error:
            _log.error("registration is put off", seconds=_ACCOUNT_SECONDS, error=str(error))
            return _ACCOUNT_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever the database says, it goes on later
            _log.error("registration is put off", seconds=_IDLE_SECONDS, error=repr(error))
            return _IDLE_SECONDS
