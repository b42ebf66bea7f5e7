"""Files of data repository services (GA4GH DRS 1.x), as Gen3 data commons run them: ``drs://host/id``.

What is controlled is given out by addresses that are signed for minutes, to whom the service permits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from filmroom.client.sources.base import RemoteFile, shown
from filmroom.client.sources.gen3_key import Gen3Key
from filmroom.client.sources.origins import Origins
from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, NotFound, ServerError
from filmroom.model.naming import made_plain
from filmroom.net.address import is_private, server_root

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_URI = re.compile(r"drs://([^/?#\s@]+)/([^?#\s]+)", re.IGNORECASE)
_COMPACT = re.compile(r"drs://(dg\.[0-9a-z]+)[:/]([^?#\s]+)", re.IGNORECASE)
# Prefixes of identifiers (https://dataguids.org) whose services hold what TCIA refers to.
_SERVICES = {"dg.4dfc": "nci-crdc.datacommons.io"}
_OBJECTS = "/ga4gh/drs/v1/objects/"
_LARGEST = 4 << 20  # bytes of what is told of one object
_HEX = re.compile(r"[0-9a-fA-F]+")


class _Checksum(msgspec.Struct):
    checksum: str
    type: str


class _Url(msgspec.Struct):
    url: str


class _Access(msgspec.Struct):
    type: str = ""
    access_id: str | None = None
    access_url: _Url | None = None


class _Object(msgspec.Struct):
    size: int
    checksums: list[_Checksum]
    name: str | None = None
    access_methods: list[_Access] | None = None
    contents: list[object] | None = None


class DrsFiles:
    """Asks services for objects, as the owner of a key where there is one.

    :param key: it is shown to the service that issued it alone.
    """

    api = "drs"

    def __init__(self, origins: Origins, key: Gen3Key | None = None) -> None:
        self._origins = origins
        self._key = key
        self.policy = origins.policy
        self._signed: dict[str, str] = {}

    def files(self, addresses: Sequence[str]) -> list[RemoteFile]:
        """Return what the services tell of objects.

        :raises NotFound, AccessDenied: when one cannot be had. :raises BadAnswer: when it is told unclearly.
        """
        return [self._file(address) for address in addresses]

    def _file(self, address: str) -> RemoteFile:
        told = self._object(address)
        if told.size < 0 or not all(_HEX.fullmatch(each.checksum) for each in told.checksums):
            raise BadAnswer(f"The service tells neither size nor checksum of {shown(address)} legibly.")
        checksums = {each.type.lower().replace("-", ""): each.checksum.lower() for each in told.checksums}
        name = made_plain((told.name or address).replace("\\", "/").rstrip("/").rpartition("/")[2])
        return RemoteFile(name or "file", address, told.size, None, checksums)

    def _object(self, address: str) -> _Object:
        told = self._ask(address, "", _Object)
        if told.contents:
            raise BadAnswer(
                f"{shown(address)} is a bundle of other objects.", advice="Name the objects themselves."
            )
        return told

    @contextmanager
    def get(self, file: RemoteFile, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Ask for the bytes of an object; an address whose signature has ended is asked for anew.

        :raises AccessDenied: when the service does not permit it.
        """
        with ExitStack() as stack:
            response = self._kept(stack, file, headers)
            if response is None:
                signed = self._signed[file.address] = self._address(file.address)
                response = stack.enter_context(self._origins.get(signed, headers))
            yield response
        del self._signed[file.address]  # only for what broke off it is of use

    def _kept(self, stack: ExitStack, file: RemoteFile, headers: Mapping[str, str]) -> httpx2.Response | None:
        """Ask at the address that was given before; None where its signature has ended."""
        signed = self._signed.get(file.address)
        if signed is None:
            return None
        try:
            return stack.enter_context(self._origins.get(signed, headers))
        except AccessDenied:
            return None
        except ServerError as error:
            if error.status != 400:  # what some services say instead of 403
                raise
            return None

    def _address(self, address: str) -> str:
        """Return where the bytes of an object are, for the next minutes."""
        methods = self._object(address).access_methods or []
        for method in sorted(methods, key=lambda each: each.type != "https"):
            if method.access_id is not None:
                url = self._ask(address, f"/access/{quote(method.access_id, safe='')}", _Url).url
            else:
                url = method.access_url.url if method.access_url is not None else ""
            if is_private(url):
                return url
        raise NotFound(f"The service names no way to fetch {shown(address)}.")

    def _ask(self, address: str, suffix: str, kind: type[T]) -> T:
        origin, identifier = service_of(address)
        url = f"{origin}{_OBJECTS}{quote(identifier, safe='/:%')}{suffix}"
        content = self._authorised(origin, url)
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadAnswer(f"{origin} does not answer as a data repository service should.") from None

    def _authorised(self, origin: str, url: str) -> bytes:
        if self._key is None or self._key.origin != origin:
            return self._denied_in_words(origin, url, {})
        connection = self._origins.connection(origin)
        token = self._key.token(connection)
        try:
            return self._origins.whole(url, _bearer(token), largest=_LARGEST)
        except AccessDenied:
            # Ended before its time, or not enough: a fresh one tells which.
            fresh = self._key.token(connection, refused=token)
            return self._denied_in_words(origin, url, _bearer(fresh))

    def _denied_in_words(self, origin: str, url: str, headers: Mapping[str, str]) -> bytes:
        try:
            return self._origins.whole(url, headers, largest=_LARGEST)
        except AccessDenied:
            if headers:
                raise AccessDenied(
                    f"{origin} does not permit you to have {shown(url).rpartition(_OBJECTS)[2]}.",
                    advice="Ask for access to the data set (dbGaP), then make a new API key.",
                ) from None
            raise AccessDenied(
                f"{origin} gives {shown(url).rpartition(_OBJECTS)[2]} to people with a key alone.",
                advice="Name the API key that this service issued: --gen3-key FILE, FILMROOM_GEN3_KEY.",
            ) from None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def service_of(address: str) -> tuple[str, str]:
    """Return the service's address and the identifier of ``drs://…``. :raises InvalidInput: for no such."""
    compact = _COMPACT.fullmatch(address)
    if compact is not None:
        host = _SERVICES.get(compact[1].lower())
        if host is None:
            raise InvalidInput(f"No service is known for {compact[1]}: {shown(address)}.")
        return f"https://{host}", f"{compact[1]}/{compact[2]}"
    match = _URI.fullmatch(address)
    if match is None:
        raise InvalidInput(f"Not an address of a data repository service: {shown(address)!r}.")
    return server_root(match[1]), match[2]
