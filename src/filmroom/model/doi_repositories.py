"""Repositories that own DOIs, and who may write for them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from filmroom.errors import InvalidInput

_SYMBOL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_PREFIX = re.compile(r"10\.[0-9]{4,9}", re.ASCII)
_DOMAIN = re.compile(r"\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
_LONGEST_SYMBOL = 60
EVERY_DOMAIN = "*"


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository (DataCite: client). ``symbol`` is lower case: provider, dot, name.

    ``domains`` are the hosts that its landing pages may be on: ``*``, ``*.example.org``, ``example.org``.
    ``writers`` are the logins that may write for it. One that is not active is only read.
    """

    symbol: str
    name: str
    prefixes: tuple[str, ...] = ()
    domains: tuple[str, ...] = (EVERY_DOMAIN,)
    active: bool = True
    writers: tuple[str, ...] = ()
    created: dt.datetime | None = None
    changed: dt.datetime | None = None

    def allows(self, url: str) -> bool:
        """Whether a landing page may be at an address, which is well-formed."""
        host = (urlsplit(url).hostname or "").lower()
        return any(_matches(host, domain) for domain in self.domains)


@dataclass(frozen=True, slots=True)
class DoiWriter:
    """Who writes. ``repositories`` are the symbols it may write for; ``everywhere``: for all of them.

    ``actor`` is what activities name. The public writes nowhere.
    """

    actor: str = ""
    repositories: frozenset[str] = frozenset()
    everywhere: bool = False

    def may_write(self, symbol: str) -> bool:
        """Whether it may write for a repository."""
        return self.everywhere or symbol in self.repositories


def checked_symbol(text: str) -> str:
    """Return a symbol in lower case. :raises InvalidInput: when it is none."""
    symbol = text.strip().lower()
    if not _SYMBOL.fullmatch(symbol) or len(symbol) > _LONGEST_SYMBOL:
        raise InvalidInput(f"A repository's symbol looks like DEMO.ARCHIVE, not {text[:80]!r}.")
    return symbol


def checked_prefix(text: str) -> str:
    """Return a DOI prefix. :raises InvalidInput: when it is none."""
    prefix = text.strip()
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInput(f"A DOI prefix is 10. and four to nine digits, not {text[:80]!r}.")
    return prefix


def checked_domain(text: str) -> str:
    """Return a pattern of hosts in lower case. :raises InvalidInput: when it is none."""
    domain = text.strip().lower()
    if not _DOMAIN.fullmatch(domain):
        raise InvalidInput(f"A domain is example.org, *.example.org or *, not {text[:80]!r}.")
    return domain


def _matches(host: str, domain: str) -> bool:
    if domain == EVERY_DOMAIN:
        return True
    if domain.startswith("*."):
        return host == domain[2:] or host.endswith(domain[1:])
    return host == domain
