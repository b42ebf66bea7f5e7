"""Which server a call goes to, and as whom; what the modules remember between calls."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from filmroom import settings
from filmroom.client import Client
from filmroom.errors import FilmroomError, MissingExtra
from filmroom.model.accounts import GUEST_LOGIN
from filmroom.net.address import server_root

log = logging.getLogger("filmroom.nbia")

NLST_SERVER = "https://nlst.cancerimagingarchive.net"
API_URLS = ("", "nbia", "nlst", "restricted", "primary")
"""What releases of tcia_utils took as ``api_url``; an address of a server is taken too."""
API_PATH = "/nbia-api/services/"

P = ParamSpec("P")
T = TypeVar("T")


class StopExecution(Exception):
    """Ends a notebook's cell without a trace, as in tcia_utils."""

    def _render_traceback_(self) -> None:
        return None


class _Speaker(logging.Handler):
    """Writes to standard error, unless the program has set up logging: then that has the records already."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            sys.stderr.write(f"{self.format(record)}\n")


def speak_up() -> None:
    """Let the functions be heard from INFO on, as notebooks count on, without touching other loggers."""
    if not log.handlers:
        speaker = _Speaker()
        speaker.setFormatter(logging.Formatter("%(asctime)s:%(levelname)s:%(message)s"))
        log.addHandler(speaker)
        log.setLevel(logging.INFO)


def complain(error: FilmroomError) -> None:
    """Log an error with what to do about it."""
    log.error("%s", " ".join(filter(None, (str(error), error.advice))))


def quietly(function: Callable[P, T]) -> Callable[P, T | None]:
    """Make a function log our errors and return None. What is not installed is raised all the same."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except MissingExtra:
            raise
        except FilmroomError as error:
            complain(error)
            return None

    return call


def setApiUrl(endpoint: str, api_url: str = "nbia") -> str:
    """Return the address below which an operation answers, with a slash at the end.

    :param api_url: one of :data:`API_URLS`, or the address of a server. With the setting
        ``FILMROOM_SERVER`` all of the former mean the server that it names.
    :raises ValueError: for anything else.
    """
    version = "v1" if endpoint == "getContentsByName" else "v4"
    return f"{_root(api_url)}{API_PATH}{version}/"


def _root(api_url: str) -> str:
    if api_url and api_url.startswith(("http://", "https://")):
        return server_root(api_url)
    if (api_url or "") not in API_URLS:
        raise ValueError(f"api_url is {api_url!r}: not one of {', '.join(map(repr, API_URLS))} or an address")
    tcia = NLST_SERVER if api_url == "nlst" else settings.TCIA_SERVER
    return server_root(settings.get("server") or tcia)


class Session:
    """The clients that are in use, by the server's root, and the globals of ``filmroom.nbia``."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._guests: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._module: dict[str, Any] = {}
        self.proxies: Mapping[str, str] | None = None

    def share(self, module: dict[str, Any]) -> None:
        """Take the namespace of ``filmroom.nbia``: tokens are shown there, and its ``setApiUrl`` is asked.

        Programs replace that function to reach a server of their own.
        """
        self._module = module

    def place(self, endpoint: str, api_url: str) -> tuple[Client, str]:
        """Return the client and the path for an operation."""
        base = str(self._module.get("setApiUrl", setApiUrl)(endpoint, api_url))
        root = server_root(base)
        return self.client_of(root), f"{base.removeprefix(root).rstrip('/')}/{endpoint}"

    def client(self, api_url: str) -> Client:
        """Return the client of a server."""
        return self.place("", api_url)[0]

    def client_of(self, root: str) -> Client:
        """Return the client of the server at a root, with the login that was given for it."""
        with self._lock:
            if root not in self._clients:
                self._clients[root] = Client(root, proxies=self.proxies)
            return self._clients[root]

    def unversioned(self, api_url: str) -> Client:
        """Return a client for operations that want a token: with the login, else as the guest."""
        client = self.client(api_url)
        if client.connection.has_login:
            return client
        with self._lock:
            root = client.base_url
            if root not in self._guests:
                # The guest's password is not looked at by Filmroom; TCIA has no such operations any more.
                self._guests[root] = Client(root, login=GUEST_LOGIN, password="", proxies=self.proxies)
            return self._guests[root]

    def set_proxies(self, proxies: Mapping[str, str] | None) -> None:
        """Go through these proxies from now on. Logins are forgotten."""
        self.forget()
        self.proxies = proxies

    def log_in(self, api_url: str, login: str, password: str) -> tuple[Any, ...]:
        """Log in to a server; every later call to it goes with the login.

        :return: header, access token, time at which it ends, refresh token, ID token (always None).
        :raises AccessDenied, TransferError, InvalidInput: when that fails.
        """
        client = Client(self.client(api_url).base_url, login=login, password=password, proxies=self.proxies)
        try:
            return self._show(client, api_url)
        except FilmroomError:
            client.close()
            raise

    def renew(self, api_url: str) -> tuple[Any, ...]:
        """Fetch a new token for the login of a server, and return what :meth:`log_in` does."""
        return self._show(self.client(api_url), api_url, renew=True)

    def log_out(self, api_url: str) -> None:
        """Forget the login of a server."""
        root = self.client(api_url).base_url
        with self._lock:
            client = self._clients.pop(root, None)
        if client is not None:
            client.close()
        self._publish(api_url, (None, None, None, None, None))

    def _show(self, client: Client, api_url: str, *, renew: bool = False) -> tuple[Any, ...]:
        tokens = client.connection.tokens(renew=renew)
        header = {"Authorization": f"Bearer {tokens.access}"}
        ends = dt.datetime.now() + dt.timedelta(seconds=tokens.seconds)  # noqa: DTZ005 - theirs is local time
        shown = (header, tokens.access, ends, tokens.refresh, None)
        with self._lock:
            before, self._clients[client.base_url] = self._clients.get(client.base_url), client
        if before is not None and before is not client:
            before.close()
        self._publish(api_url, shown)
        return shown

    def _publish(self, api_url: str, shown: tuple[Any, ...]) -> None:
        prefix = "nlst_" if api_url == "nlst" else ""
        names = ("api_call_headers", "access_token", "token_exp_time", "refresh_token", "id_token")
        self._module.update(zip((prefix + name for name in names), shown, strict=True))

    def forget(self) -> None:
        """Close all connections and forget all logins."""
        with self._lock:
            gone = [*self._clients.values(), *self._guests.values()]
            self._clients.clear()
            self._guests.clear()
        for client in gone:
            client.close()


session = Session()
