"""The API key of a Gen3 data commons, and the access tokens that it is exchanged for.

Gen3 documentation, "Fence": a key is downloaded from the profile page as ``credentials.json`` with
``key_id`` and ``api_key``; ``POST /user/credentials/cdis/access_token`` gives a token for minutes.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from filmroom.client.connection import Connection
from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, NotFound, ServerError
from filmroom.net.address import is_private

_TOKEN_PATH = "/user/credentials/cdis/access_token"  # noqa: S105 - an address
_EARLY = 60.0  # seconds before its end at which a token is renewed
_USUAL = 1200.0  # seconds for which a token is used that does not say when it ends
_LARGEST = 1 << 20  # bytes of a key file


class _File(msgspec.Struct):
    api_key: str
    key_id: str = ""


class _Granted(msgspec.Struct):
    access_token: str


class _Claims(msgspec.Struct):
    iss: str = ""
    exp: float = 0.0


class Gen3Key:
    """A key and its current token. The key goes to the service that issued it and nowhere else.

    :param path: the file ``credentials.json``.
    :raises InvalidInput: when it cannot be read, can be read by others, is no key, or names no issuer.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._key = _read(Path(path).expanduser())
        issuer = _claims(self._key).iss
        try:
            parts = urlsplit(issuer)
            host, _ = parts.netloc, parts.port
        except ValueError:
            host = ""
        self.origin = f"{parts.scheme}://{host}" if host and "@" not in host else ""
        if not self.origin or not is_private(self.origin):
            raise InvalidInput(f"{path} does not say which service issued the key.")
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __repr__(self) -> str:
        return f"Gen3Key(of {self.origin})"

    def token(self, connection: Connection, *, refused: str = "") -> str:
        """Return an access token, a new one where the present one ends or was refused.

        :param connection: to the service that issued the key.
        :raises AccessDenied: when the key is not accepted any more.
        """
        with self._lock:
            if not self._token or self._token == refused or time.monotonic() >= self._until:
                self._token = self._granted(connection)
                lasting = _claims(self._token).exp - time.time()
                self._until = time.monotonic() + (lasting if lasting > 0 else _USUAL) - _EARLY
            return self._token

    def _granted(self, connection: Connection) -> str:
        advice = "Make a new key on the profile page of the data commons and save it as credentials.json."
        try:
            answer = connection.post(_TOKEN_PATH, {"api_key": self._key}, follow=False)
        except (AccessDenied, NotFound) as error:
            raise AccessDenied(f"{self.origin} does not accept the API key.", advice=advice) from error
        except ServerError as error:
            if error.status == 400:
                raise AccessDenied(f"{self.origin} does not accept the API key.", advice=advice) from None
            raise
        try:
            token = msgspec.json.decode(answer.content, type=_Granted).access_token
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadAnswer(f"{self.origin} answered without an access token.") from None
        if not (token.isascii() and token.isprintable() and " " not in token and token):
            raise BadAnswer(f"{self.origin} answered with a token that is none.")
        return token


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise InvalidInput(
                    f"The API key {path} can be read by others.",
                    advice=f"Make it yours alone: chmod 600 {path}",
                )
            content = file.read(_LARGEST)
    except OSError as error:
        raise InvalidInput(f"The API key {path} cannot be read: {error.strerror}.") from None
    try:
        key = msgspec.json.decode(content, type=_File).api_key
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput(f"{path} is no credentials.json with an api_key.") from None
    if not (key.isascii() and key.isprintable() and key.strip() == key and key):
        raise InvalidInput(f"{path} holds an api_key that is none.")
    return key


def _claims(token: str) -> _Claims:
    """Return what a JSON Web Token says of itself, without trusting it: where it is from, until when."""
    try:
        body = token.split(".")[1]
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return msgspec.json.decode(raw, type=_Claims)
    except (IndexError, binascii.Error, ValueError, msgspec.DecodeError):
        return _Claims()
