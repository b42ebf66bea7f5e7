"""A pool of connections to a server, for threads: each call returns when the answer is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from filmroom.client.steps import Answer, Form, Request
from filmroom.errors import InvalidInput
from filmroom.net import answers
from filmroom.net.endpoint import AS_GUEST, Endpoint
from filmroom.net.login import Login, Tokens, next_grant
from filmroom.net.retry import Patience, TransientFailure

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class Connection(Endpoint):
    """A pool of kept connections to one server; see :class:`~filmroom.net.endpoint.Endpoint`.

    It may be shared among threads.
    """

    def __init__(self, base_url: str | None = None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._http: httpx2.Client | None = None
        self._opening = threading.Lock()
        self._renewing = threading.Lock()

    def tokens(self, *, renew: bool = False) -> Tokens:
        """Return the tokens that it asks with, fetched now when there are none yet.

        :param renew: fetch new ones.
        :raises InvalidInput: when it asks as nobody. :raises AccessDenied: when the login is refused.
        """
        login = self.login
        if login is None:
            raise InvalidInput("Nobody is logged in.")

        def fetch() -> Tokens:
            with self._speaking() as http, self._renewing:
                if renew or login.is_due:
                    self._renew(http, login)
                return login.tokens

        return self.patiently(fetch)

    def close(self) -> None:
        """Close the pool; using the connection again opens it anew."""
        with self._opening:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _client(self) -> httpx2.Client:
        with self._opening:
            if self._http is None:
                import httpx2

                self._http = httpx2.Client(**self.pool_options(httpx2.HTTPTransport, most=None))
            return self._http

    def ask(self, request: Request) -> Answer:
        """Send what a question requests, with retries, and return the whole answer.

        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        operation, parameters = request.operation, request.parameters
        if operation.method == "POST":
            return self._whole(operation.path, {}, form=parameters, **request.manner)
        return self._whole(operation.path, parameters, **request.manner)

    def get(self, path: str, params: Mapping[str, str], *, denial: bool = False) -> Answer:
        """GET a whole answer, with retries.

        :param denial: the operation answers 400 for what is absent or not to be seen (images).
        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """

        return self._whole(path, params, denial=denial)

    def post(self, path: str, form: Form, *, follow: bool = True) -> Answer:
        """POST a form that may come twice, and return the whole answer; a field may have many values.

        :param follow: go where the server says it is instead; not with a secret in the form.
        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        return self._whole(path, {}, form=form, follow=follow)

    def _whole(self, path: str, params: Form, **how: Any) -> Answer:
        def ask() -> Answer:
            with self.stream(path, params, **how) as response:
                content, media = response.read(), response.headers.get("content-type", "")
                answers.refuse_page(content, media, self.root)
                return Answer(content, media)

        return self.patiently(ask)

    def patiently(self, work: Callable[[], T]) -> T:
        """Do something that can be repeated, until it succeeds or patience ends."""
        patience = Patience(self.policy)
        while True:
            try:
                return work()
            except TransientFailure as failure:
                time.sleep(patience.wait(failure))

    @contextmanager
    def stream(
        self,
        path: str,
        params: Form,
        headers: Mapping[str, str] | None = None,
        *,
        denial: bool = False,
        form: Form | None = None,
        as_guest: bool = False,
        follow: bool = True,
    ) -> Iterator[httpx2.Response]:
        """GET an answer whose status is 200, 204 or 206 and hand out its body unread.

        :param form: sent with POST instead. :param as_guest: whoever has no login asks as the guest.
        :param follow: go where the server says it is instead.
        :raises TransientFailure: for what may be better in a moment, also from reading the body.
        :raises ServerError, AccessDenied, AgreementRequired, NotFound, BadAnswer: for what will not.
        """
        with self._speaking() as http:
            proof = self._proof(http) or (AS_GUEST if as_guest else {})
            with http.stream(
                "GET" if form is None else "POST",
                self.root + path,
                params=dict(params) or None,  # an empty mapping would take the query off the path
                data=form,
                headers={**(headers or {}), **proof},
                follow_redirects=follow,
            ) as response:
                answers.check_head(response, self.root, self.login, proof)
                if response.status_code not in answers.WELCOME:
                    body = _beginning(response.iter_bytes())
                    raise answers.failure(response, body, root=self.root, path=path, denial=denial)
                yield response

    @contextmanager
    def _speaking(self) -> Iterator[httpx2.Client]:
        """Hand the pool out, and turn what it raises into our errors."""
        with answers.our_errors(self.root, self.timeout):
            yield self._client()

    def _proof(self, http: httpx2.Client) -> dict[str, str]:
        """Return the header that proves who asks. :raises AccessDenied: when the login is refused."""
        login = self.login
        if login is None:
            return {}
        with self._renewing:
            if login.is_due:
                self._renew(http, login)
            return login.headers

    @staticmethod
    def _renew(http: httpx2.Client, login: Login) -> None:
        renewal = login.renewal()
        grant = next(renewal, None)
        while grant is not None:
            # Not followed anywhere else: the password is meant for this address.
            response = http.post(login.address, data=grant, follow_redirects=False)
            grant = next_grant(renewal, response.status_code, response.content)


def _beginning(pieces: Iterator[bytes]) -> bytes:
    body = b""
    for piece in pieces:
        body += piece
        if len(body) > answers.LONGEST_ERROR_BODY:
            break
    return body
