"""What can be set about registration at DataCite."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from filmroom import settings
from filmroom.errors import InvalidInput
from filmroom.model.doi_registration import System
from filmroom.model.doi_repositories import checked_symbol
from filmroom.net.address import is_private

TEST_PREFIX = "10.5072"
"""What is made under it is only to try things out; nobody may register it for good."""

_SYSTEMS: dict[str, System] = {"test": "test", "production": "production"}
_ADDRESSES = {"test": "https://api.test.datacite.org", "production": "https://api.datacite.org"}


@dataclass(frozen=True, slots=True)
class RegistrationOptions:
    """One account at one of DataCite's systems.

    ``symbol`` is lower case, and that of the repository here whose DOIs are registered. ``pause`` is in
    seconds, between two records: DataCite asks for no more than some 300 in five minutes. ``internal_hosts``,
    as ``host`` or ``host:port``, may have landing pages although they are not in the public Internet.
    """

    system: System
    symbol: str
    password: str = field(repr=False)
    address: str = ""
    pause: float = 1.0
    internal_hosts: frozenset[str] = frozenset()

    @property
    def root(self) -> str:
        """The API's address, without a slash at the end."""
        return (self.address or _ADDRESSES[self.system]).rstrip("/")

    @classmethod
    def from_settings(cls) -> RegistrationOptions | None:
        """Take everything from the environment; None where registration is off.

        :raises InvalidInput: for what is missing or cannot be.
        """
        mode = settings.get("datacite_mode").strip().lower()
        if mode in {"", "off"}:
            return None
        if mode not in _SYSTEMS:
            raise InvalidInput(f"FILMROOM_DATACITE_MODE is off, test or production, not {mode!r}.")
        address = settings.get("datacite_api_url").strip()
        if address and not is_private(address):
            raise InvalidInput("FILMROOM_DATACITE_API_URL must be an https address: a password goes there.")
        symbol = settings.get("datacite_symbol")
        password = settings.get_secret("datacite_password")
        if not symbol or not password:
            missing = (
                "FILMROOM_DATACITE_PASSWORD or …_PASSWORD_FILE" if symbol else "FILMROOM_DATACITE_SYMBOL"
            )
            raise InvalidInput(f"To register DOIs at DataCite ({mode}), {missing} is needed.")
        return cls(
            _SYSTEMS[mode], checked_symbol(symbol), password, address, internal_hosts=_internal_hosts()
        )


def _internal_hosts() -> frozenset[str]:
    """Return what is set, and the archive's own host, which its network may know by an internal address."""
    own = urlsplit(settings.get("public_url")).netloc
    named = settings.get("datacite_internal_hosts").split(",")
    return frozenset(each.strip().lower() for each in (own, *named) if each.strip())
