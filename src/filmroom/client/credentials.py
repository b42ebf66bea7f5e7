"""Logins by server: from the environment, from a file that its owner alone can read, from the keyring.

A login belongs to one server and is never shown to another. Those of the environment (``FILMROOM_LOGIN``,
``FILMROOM_PASSWORD``, ``FILMROOM_TOKEN``) belong to the one that ``FILMROOM_SERVER`` names. Others were put
aside with ``filmroom login``: into the keyring of the desktop, or into the file itself. The file names the
servers and says which of the two it is, so that the keyring is not asked for a server without a login.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from filmroom import settings
from filmroom.client.extras import bring
from filmroom.client.layout import writing
from filmroom.errors import InvalidInput, MissingExtra
from filmroom.net.address import server_root

Where = Literal["keyring", "file"]

_LARGEST = 1 << 20  # bytes
_TOKEN = "token"  # noqa: S105 - the name under which the keyring holds a token


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login with its password, or a token alone. What is secret is not shown."""

    login: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def arguments(self) -> dict[str, str | None]:
        """As a client takes them."""
        return {"login": self.login, "password": self.password, "token": self.token}


class _Entry(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What the file says of one server."""

    login: str | None = None
    password: str | None = None
    token: str | None = None
    keyring: bool = False

    def __repr__(self) -> str:
        return f"_Entry({self.login!r})"


def find_credentials(root: str) -> Credentials | None:
    """Return the login for a server, None for none.

    :param root: see :func:`~filmroom.net.address.server_root`.
    :raises InvalidInput: when the file can be read by others, or cannot be read; when the keyring refuses.
    :raises MissingExtra: when the login is in the keyring and ``keyring`` is not installed.
    """
    named = settings.get("server")
    if named and server_root(named) == root:
        of_environment = environment_credentials()
        if of_environment is not None:
            return of_environment
    entry = _read(credentials_file()).get(root)
    if entry is None:
        return None
    if not entry.keyring:
        return Credentials(entry.login, entry.password, entry.token)
    secret = _ask_keyring("get_password", root, entry.login or _TOKEN)
    if not isinstance(secret, str):
        raise InvalidInput(f"The keyring has no login for {root} any more.", advice=_how_to(root))
    return Credentials(token=secret) if entry.login is None else Credentials(entry.login, secret)


def chosen_credentials(root: str, given: Credentials, *, anonymous: bool = False) -> Credentials:
    """Return with what a server is asked: what was given, else what is known for it, else nothing.

    :param anonymous: look for nothing.
    :raises InvalidInput: when something is given and nobody is to be asked as; see :func:`find_credentials`.
    """
    if any(value is not None for value in given.arguments.values()):
        if anonymous:
            raise InvalidInput("A client asks as nobody, or with a login.")
        return given
    return given if anonymous else find_credentials(root) or given


def environment_credentials() -> Credentials | None:
    """Return the login that the environment holds, None for none."""
    found = {name: settings.get(name) or None for name in ("login", "password", "token")}
    return Credentials(**found) if any(found.values()) else None


def save_credentials(root: str, credentials: Credentials, where: Where | None = None) -> Where:
    """Put a login aside for a server, in place of the one that is there.

    :param where: by default the keyring where there is one, else the file.
    :return: where it is. :raises InvalidInput, MissingExtra, StoreError: when that cannot be.
    """
    path = credentials_file()
    entries = _read(path)
    if where != "file" and _into_keyring(root, credentials, required=where == "keyring"):
        entries[root] = _Entry(login=credentials.login, keyring=True)
        _write(path, entries)
        return "keyring"
    entries[root] = _Entry(credentials.login, credentials.password, credentials.token)
    _write(path, entries)
    return "file"


def forget_credentials(root: str) -> bool:
    """Remove what was put aside for a server; return whether there was anything."""
    path = credentials_file()
    entries = _read(path)
    entry = entries.pop(root, None)
    if entry is None:
        return False
    name = entry.login or _TOKEN
    if entry.keyring and _ask_keyring("get_password", root, name) is not None:
        _ask_keyring("delete_password", root, name)
    _write(path, entries)
    return True


def credentials_file() -> Path:
    """Return where the file is, or would be."""
    named = settings.get("credentials")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_config_path("filmroom", appauthor=False) / "credentials.json"


def _how_to(root: str) -> str:
    return f"Log in again: filmroom login --server {root}"


# the file -------------------------------------------------------------------------------------------
def _read(path: Path) -> dict[str, _Entry]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise InvalidInput(
                    f"Others can read the logins in {path}.", advice=f"Make it yours alone: chmod 600 {path}"
                )
            content = file.read(_LARGEST)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidInput(f"The logins in {path} cannot be read: {error.strerror}.") from None
    try:
        return msgspec.json.decode(content, type=dict[str, _Entry])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What is wrong is not repeated: it may be a password.
        raise InvalidInput(
            f"{path} is not a file of logins.", advice="Write it with: filmroom login"
        ) from None


def _write(path: Path, entries: Mapping[str, _Entry]) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(entries)))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


# the keyring ----------------------------------------------------------------------------------------
def _into_keyring(root: str, credentials: Credentials, *, required: bool) -> bool:
    """Return whether the keyring has taken a login. :raises InvalidInput, MissingExtra: where it must."""
    name = credentials.login if credentials.token is None else None
    try:
        _ask_keyring("set_password", root, name or _TOKEN, credentials.token or credentials.password)
    except (InvalidInput, MissingExtra):
        if required:
            raise
        return False
    return True


def _ask_keyring(method: str, root: str, *arguments: str | None) -> Any:
    keyring = bring("keyring", "keyring", "A login in the keyring")
    refused = bring("keyring.errors", "keyring", "A login in the keyring").KeyringError
    try:
        return getattr(keyring, method)(f"filmroom {root}", *arguments)
    except refused as error:
        raise InvalidInput(
            f"The keyring refuses: {error or type(error).__name__}.",
            advice="Keep the login in a file instead: filmroom login --keep file",
        ) from None
