"""What DataCite adds to a record when it is written: its type in other vocabularies, and its licence.

Sources: what DataCite's API answers for a record that was sent without them; the licence list of SPDX.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from filmroom.wire.datacite.record import Part, text

SPDX = "https://spdx.org/licenses/"

_OTHER_TYPE = ("CreativeWork", "article", "misc", "GEN")
# resourceTypeGeneral: schema.org, CSL, BibTeX, RIS.
_TYPES: dict[str, tuple[str, str, str, str]] = {
    "Audiovisual": ("MediaObject", "song", "misc", "MPCT"),
    "Award": ("Grant", "article", "misc", "GEN"),
    "Book": ("Book", "book", "book", "BOOK"),
    "BookChapter": ("Chapter", "chapter", "inbook", "CHAP"),
    "Collection": ("Collection", "article", "misc", "GEN"),
    "ComputationalNotebook": ("SoftwareSourceCode", "article", "misc", "COMP"),
    "ConferencePaper": ("Article", "article-journal", "article", "CPAPER"),
    "ConferenceProceeding": ("Periodical", "book", "misc", "CONF"),
    "DataPaper": ("Article", "article-journal", "article", "JOUR"),
    "Dataset": ("Dataset", "dataset", "misc", "DATA"),
    "Dissertation": ("Thesis", "thesis", "phdthesis", "THES"),
    "Event": ("Event", "article", "misc", "GEN"),
    "Image": ("ImageObject", "graphic", "misc", "FIGURE"),
    "JournalArticle": ("ScholarlyArticle", "article-journal", "article", "JOUR"),
    "Preprint": ("ScholarlyArticle", "article-journal", "article", "GEN"),
    "Project": ("Project", "article", "misc", "GEN"),
    "Report": ("Report", "report", "techreport", "RPRT"),
    "Service": ("Service", "article", "misc", "GEN"),
    "Software": ("SoftwareSourceCode", "article", "misc", "COMP"),
    "Sound": ("AudioObject", "song", "misc", "SOUND"),
    "Text": ("ScholarlyArticle", "article-journal", "article", "RPRT"),
}
_NAMES = ("schemaOrg", "citeproc", "bibtex", "ris")


def filled_types(types: Part) -> dict[str, Any]:
    """Return the types with the names in other vocabularies; those that were sent stay."""
    general = text(types, "resourceTypeGeneral")
    if general is None:
        return dict(types)
    names = dict(zip(_NAMES, _TYPES.get(general, _OTHER_TYPE), strict=True))
    given = {name: value for name, value in types.items() if value is not None}
    return {**names, **given}


def schema_org_type(general: str | None) -> str | None:
    """Return what schema.org calls a resourceTypeGeneral, None for one that is not known."""
    return _TYPES[general][0] if general in _TYPES else None


def _creative_commons() -> dict[str, tuple[str, str]]:
    terms = {
        "by": "Attribution",
        "by-nc": "Attribution Non Commercial",
        "by-sa": "Attribution Share Alike",
        "by-nd": "Attribution No Derivatives",
        "by-nc-sa": "Attribution Non Commercial Share Alike",
        "by-nc-nd": "Attribution Non Commercial No Derivatives",
    }
    ports = {"1.0": "Generic", "2.0": "Generic", "2.5": "Generic", "3.0": "Unported", "4.0": "International"}
    return {
        f"cc-{short}-{version}": (
            f"Creative Commons {meaning} {version} {port}",
            f"https://creativecommons.org/licenses/{short}/{version}/legalcode",
        )
        for short, meaning in terms.items()
        for version, port in ports.items()
    }


_LICENCES: dict[str, tuple[str, str]] = {
    **_creative_commons(),
    "cc0-1.0": (
        "Creative Commons Zero v1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    ),
    "apache-2.0": ("Apache License 2.0", "http://www.apache.org/licenses/LICENSE-2.0"),
    "bsd-2-clause": ('BSD 2-Clause "Simplified" License', "https://opensource.org/licenses/BSD-2-Clause"),
    "bsd-3-clause": (
        'BSD 3-Clause "New" or "Revised" License',
        "https://opensource.org/licenses/BSD-3-Clause",
    ),
    "mit": ("MIT License", "https://opensource.org/licenses/MIT"),
}
"""SPDX identifier in lower case: name and address."""


def _folded(name: str) -> str:
    """Return a licence's name or address as it is compared."""
    plain = re.sub(
        r"^https?://(www\.)?|/?(legalcode(\.[a-z]{2})?|deed(\.[a-z]{2})?)?/?$", "", name.strip().lower()
    )
    plain = re.sub(r"\blicen[cs]e\b", "", plain.replace("noncommercial", "non commercial"))
    plain = plain.replace("noderivatives", "no derivatives").replace("sharealike", "share alike")
    return re.sub(r"[^0-9a-z]+", "", plain)


_KNOWN = {
    _folded(name): identifier
    for identifier, (called, address) in _LICENCES.items()
    for name in (identifier, called, address)
}


def filled_rights(rights: Part) -> dict[str, Any]:
    """Return rights with the SPDX name, address and identifier when they are of a known licence."""
    names = (text(rights, key) for key in ("rightsIdentifier", "rightsUri", "rights"))
    identifier = next((_KNOWN[_folded(name)] for name in names if name and _folded(name) in _KNOWN), None)
    if identifier is None:
        return dict(rights)
    called, address = _LICENCES[identifier]
    known = {
        "rights": called,
        "rightsUri": address,
        "schemeUri": SPDX,
        "rightsIdentifier": identifier,
        "rightsIdentifierScheme": "SPDX",
    }
    return {**known, **({"lang": rights["lang"]} if rights.get("lang") else {})}


def filled_in(attributes: Part) -> dict[str, Any]:
    """Return attributes with what is added on writing, where it can be added."""
    filled = dict(attributes)
    if isinstance(types := filled.get("types"), Mapping):
        filled["types"] = filled_types(types)
    if isinstance(rights := filled.get("rightsList"), list | tuple):
        filled["rightsList"] = [filled_rights(each) if isinstance(each, Mapping) else each for each in rights]
    return filled
