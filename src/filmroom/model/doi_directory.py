"""Whose DOIs an archive shows: repositories (DataCite: clients), their providers, other names for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from filmroom.errors import InvalidInput
from filmroom.model.doi_repositories import Repository, checked_symbol


@dataclass(frozen=True, slots=True)
class Client:
    """A repository as others see it. ``prefixes`` to when each was given to it, where that is known."""

    symbol: str
    name: str
    prefixes: Mapping[str, dt.datetime | None] = field(default_factory=dict)
    alternate_name: str | None = None
    url: str | None = None
    domains: str = "*"
    active: bool = True
    created: dt.datetime | None = None
    updated: dt.datetime | None = None

    @property
    def provider(self) -> str:
        """Symbol of its provider."""
        return self.symbol.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Provider:
    """An organisation that has repositories."""

    symbol: str
    name: str
    region: str | None = None
    country: str | None = None
    ror: str | None = None
    non_profit: str | None = None
    created: dt.datetime | None = None
    updated: dt.datetime | None = None


_TCIA_MOVED = dt.datetime(2025, 6, 1)  # noqa: DTZ001 - naive UTC as everywhere
_TCIA_BEGAN = dt.datetime(2011, 1, 1)  # noqa: DTZ001

TCIA = Client(
    "nihnci.tcia",
    "The Cancer Imaging Archive",
    {"10.7937": _TCIA_BEGAN, "10.25737": None},
    alternate_name="TCIA",
    url="https://www.cancerimagingarchive.net",
    created=_TCIA_MOVED,
    updated=_TCIA_MOVED,
)
"""TCIA's repository, whose records a mirror shows."""
NCI = Provider(
    "nihnci",
    "National Cancer Institute",
    region="AMER",
    country="US",
    ror="https://ror.org/040gcmg81",
    non_profit="non-profit",
    created=_TCIA_MOVED,
    updated=_TCIA_MOVED,
)
_TCIA_ALIASES = {"tciar": TCIA.symbol, "sml.tcia": TCIA.symbol}


class DoiDirectory:
    """The repositories that are known: the archive's own, TCIA's, and whoever else has records here."""

    def __init__(
        self,
        own: Iterable[Repository] = (),
        *,
        with_records: Iterable[str] = (),
        aliases: Mapping[str, str] | None = None,
        provider_names: Mapping[str, str] | None = None,
    ) -> None:
        """Build the directory.

        :param with_records: symbols of repositories that records here belong to.
        :param aliases: other symbol to that of a repository. :param provider_names: symbol to name.
        """
        clients = {each.symbol: _client(each) for each in own}
        for symbol in with_records:
            clients.setdefault(symbol, TCIA if symbol == TCIA.symbol else Client(symbol, symbol.upper()))
        self.clients = dict(sorted(clients.items()))
        names = provider_names or {}
        self.providers = {
            symbol: _provider(symbol, names, [c for c in clients.values() if c.provider == symbol])
            for symbol in sorted({client.provider for client in clients.values()})
        }
        self._aliases = {**_TCIA_ALIASES, **(aliases or {})}

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Everything that a question may name somebody by: two directories that say the same are alike."""
        clients = ((each.symbol, each.name) for each in self.clients.values())
        providers = ((each.symbol, each.name) for each in self.providers.values())
        return (*clients, *providers, *sorted(self._aliases.items()))

    def client_symbol(self, text: str) -> str:
        """Return the symbol of the repository that is meant, what was given where none is known."""
        symbol = text.strip().lower()
        symbol = self._aliases.get(symbol, symbol)
        if symbol in self.clients or symbol not in self.providers:
            return symbol
        # A provider's symbol stands for its repository where it has but one.
        owned = [each for each in self.clients.values() if each.provider == symbol]
        return owned[0].symbol if len(owned) == 1 else symbol

    def provider_symbol(self, text: str) -> str:
        """Return the symbol of the provider that is meant, what was given where none is known."""
        symbol = text.strip().lower()
        return self._aliases.get(symbol, symbol).partition(".")[0]

    def client_name(self, symbol: str) -> str:
        """Return the name of a repository, its symbol where that is all that is known."""
        found = self.clients.get(symbol)
        return found.name if found is not None else symbol.upper()

    def provider_name(self, symbol: str) -> str:
        """Return the name of a provider, its symbol where that is all that is known."""
        found = self.providers.get(symbol)
        return found.name if found is not None else symbol.upper()

    def prefixes(self) -> dict[str, list[Client]]:
        """Return every prefix with the repositories that have it, in order."""
        found: dict[str, list[Client]] = {}
        for client in self.clients.values():
            for prefix in client.prefixes:
                found.setdefault(prefix, []).append(client)
        return dict(sorted(found.items()))


def _client(own: Repository) -> Client:
    return Client(
        own.symbol,
        own.name,
        dict.fromkeys(own.prefixes, own.created),
        domains=",".join(own.domains),
        active=own.active,
        created=own.created,
        updated=own.changed,
    )


def _provider(symbol: str, names: Mapping[str, str], clients: list[Client]) -> Provider:
    if symbol == NCI.symbol and symbol not in names:
        return NCI
    moments = [each.created for each in clients if each.created is not None]
    first = min(moments) if moments else None
    return Provider(symbol, names.get(symbol, symbol.upper()), created=first, updated=first)


def parsed_aliases(text: str) -> dict[str, str]:
    """Return aliases from a setting: ``old=new.symbol`` between commas. :raises InvalidInput:"""
    found = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        alias, equals, symbol = part.partition("=")
        if not alias.strip() or not equals:
            raise InvalidInput(f"An alias looks like old=demo.archive, not {part[:80]!r}.")
        found[alias.strip().lower()] = checked_symbol(symbol)
    return found


def parsed_names(text: str) -> dict[str, str]:
    """Return names of providers from a setting: ``symbol=name`` between semicolons. :raises InvalidInput:"""
    found = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        symbol, equals, name = part.partition("=")
        if not symbol.strip() or not equals or not name.strip():
            raise InvalidInput(f"A provider's name looks like demo=Demo Institute, not {part[:80]!r}.")
        found[symbol.strip().lower()] = name.strip()
    return found
