"""Licences that data of this field come under, identifiers of their descriptions, and whom a mirror names.

Names and addresses of the Creative Commons licences: creativecommons.org; long names as the NBIA
collection report prints them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from filmroom.errors import InvalidInput
from filmroom.model.entities import Licence

DOI_RESOLVER = "https://doi.org/"

_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s\x00-\x1f\x7f]+")
_DOI_HOSTS = frozenset({"doi.org", "www.doi.org", "dx.doi.org"})
_MAXIMUM_URI = 500
_MAXIMUM_NAME = 200
_MAXIMUM_CITATION = 2_000


def _creative_commons(terms: str, meaning: str, version: str) -> Licence:
    port = "Unported" if version == "3.0" else "International"
    return Licence(
        long_name=f"Creative Commons {meaning} {version} {port} License",
        short_name=f"CC {terms} {version}",
        url=f"https://creativecommons.org/licenses/{terms.lower()}/{version}/",
        commercial_use="NC" not in terms,
    )


LICENCES: tuple[Licence, ...] = (
    *(
        _creative_commons(terms, meaning, version)
        for terms, meaning in (
            ("BY", "Attribution"),
            ("BY-NC", "Attribution-NonCommercial"),
            ("BY-SA", "Attribution-ShareAlike"),
            ("BY-ND", "Attribution-NoDerivatives"),
            ("BY-NC-SA", "Attribution-NonCommercial-ShareAlike"),
            ("BY-NC-ND", "Attribution-NonCommercial-NoDerivatives"),
        )
        for version in ("3.0", "4.0")
    ),
    Licence(
        "Creative Commons CC0 1.0 Universal Public Domain Dedication",
        "CC0 1.0",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
    Licence("Apache License, Version 2.0", "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    Licence("MIT License", "MIT", "https://opensource.org/license/mit"),
    Licence("BSD 3-Clause License", "BSD-3-Clause", "https://opensource.org/license/bsd-3-clause"),
    Licence("BSD 2-Clause License", "BSD-2-Clause", "https://opensource.org/license/bsd-2-clause"),
)
"""The licences that are known by name."""


def _folded(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", text.lower())


_BY_NAME: dict[str, Licence] = {
    _folded(name): licence
    for licence in LICENCES
    for name in (licence.short_name, licence.long_name, licence.url)
    if name
}
_BY_NAME[_folded("CC0")] = _BY_NAME[_folded("CC0 1.0")]
_BY_NAME[_folded("CC0-1.0")] = _BY_NAME[_folded("CC0 1.0")]


def known_licence(text: str) -> Licence | None:
    """Return the licence known under a short name, long name or address, else None.

    Case, spaces and punctuation do not matter: ``CC BY 4.0``, ``cc-by-4.0`` and
    ``https://creativecommons.org/licenses/by/4.0/`` are one. A version is never guessed.
    """
    return _BY_NAME.get(_folded(text.replace("http://", "https://")))


def find_licence(text: str, url: str = "") -> Licence:
    """Return the known licence of that name, or a licence made from the text itself.

    :param text: short name, long name or address of a known licence, or any other name.
    :param url: address of the licence; overrides that of a known one.
    :raises InvalidInput: when the name is empty, too long or not printable, or the address is not http(s).
    """
    name = text.strip()
    if not name or len(name) > _MAXIMUM_NAME or not name.isprintable():
        raise InvalidInput(f"A licence name is 1 to {_MAXIMUM_NAME} printable characters, not {text!r}.")
    address = checked_address(url, "licence") if url.strip() else ""
    known = known_licence(name)
    if known is not None:
        if not address or address == known.url:
            return known
        return Licence(known.long_name, known.short_name, address, known.text, known.commercial_use)
    # An unknown name says nothing about commercial use; only an explicit non-commercial word does.
    restricted = re.search(r"non-?\s?commercial|no commercial|\bnc\b", name, re.IGNORECASE)
    return Licence(name, name, address, commercial_use=restricted is None)


def checked_address(text: str, what: str) -> str:
    """Return a web address, stripped.

    :param what: what the address is of, for the error.
    :raises InvalidInput: when it is not http or https, holds blanks, or is longer than 500 characters.
    """
    address = text.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or len(address) > _MAXIMUM_URI
        or not address.isprintable()
        or " " in address
    ):
        raise InvalidInput(
            f"The address of a {what} begins with https:// and has at most {_MAXIMUM_URI} characters, "
            f"not {text[:600]!r}."
        )
    return address


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a mirror says of the archive that its data come from.

    :param name: of that archive. :param policy_url: address of its data usage policy, may be empty.
    :param citation: how it wants to be cited, may be empty.
    :raises InvalidInput: for a text that cannot be printed in a line, or an address that is none.
    """

    name: str
    policy_url: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        for text, most in ((self.name, _MAXIMUM_NAME), (self.citation, _MAXIMUM_CITATION)):
            if len(text) > most or not text.isprintable():
                raise InvalidInput(
                    f"An attribution is at most {most} printable characters, not {text[:210]!r}."
                )
        if not self.name.strip():
            raise InvalidInput("An attribution names the archive that the data come from.")
        if self.policy_url:
            checked_address(self.policy_url, "policy")
            if not self.policy_url.isascii() or set(self.policy_url) & set('<>"'):
                raise InvalidInput(f"The address of a policy is written in ASCII, not {self.policy_url!r}.")

    @property
    def text(self) -> str:
        """The attribution in sentences, one per line."""
        lines = [f"These data are mirrored from {self.name}."]
        if self.policy_url:
            lines.append(
                f"Its data usage policy applies to whoever uses them or passes them on: {self.policy_url}"
            )
        if self.citation:
            lines.append(f"Please cite: {self.citation}")
        return "\n".join(lines)


def doi_address(text: str) -> str:
    """Return a DOI as the address that resolves it, for example ``https://doi.org/10.7937/k9/tcia.2016``.

    Accepts ``10.…/…``, ``doi:10.…/…`` and addresses at doi.org (DOI Handbook section 2.2). The letters
    are kept as they are given; a DOI compares without case.

    :raises InvalidInput: when it is none of these.
    """
    name = text.strip()
    if re.match(r"https?:", name, re.IGNORECASE):
        parts = urlsplit(name)
        name = unquote(parts.path.lstrip("/")) if (parts.hostname or "") in _DOI_HOSTS else ""
    name = re.sub(r"^doi:\s*", "", name, flags=re.IGNORECASE)
    address = DOI_RESOLVER + quote(name, safe="/:;()._-~!$&'*+,=@")
    if not _DOI.fullmatch(name) or not name.isprintable() or len(address) > _MAXIMUM_URI:
        raise InvalidInput(
            f"Not a DOI: {text!r}.", advice="Give it as 10.7937/…, doi:10.7937/… or https://doi.org/10.7937/…"
        )
    return address
