"""The HTML of a DOI's landing page. Nothing of a record is trusted: texts are escaped, HTML is cleaned."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from filmroom.model.policy import Attribution
from filmroom.server.clean_html import clean_html
from filmroom.server.datacite.app import MOUNT_PATH
from filmroom.server.errors import POLICY_PATH
from filmroom.server.pages import page
from filmroom.wire.datacite.formats import RECORD_FORMATS
from filmroom.wire.datacite.record import Part, Record, full_name, parts, text
from filmroom.wire.datacite.schema_org import related_address, schema_org
from filmroom.wire.datacite.styles import CitationOptions, formatted_citation

LANDING_PATH = "/doi"

_WEB = ("http://", "https://")
_SHOWN_RELATIONS = 25
# Headers are short; the page itself links to all formats.
_LINKED = ("DataCite XML", "DataCite JSON", "schema.org", "CSL-JSON", "BibTeX")
_LINKED_AT_MOST = 10  # of each kind
_LONGEST_LINK = 1_000
_ORCID = "https://orcid.org/"
_VERSIONS = (
    "IsNewVersionOf",
    "IsPreviousVersionOf",
    "HasVersion",
    "IsVersionOf",
    "Obsoletes",
    "IsObsoletedBy",
)
# Kinds of relation in words; others are shown by their name.
_RELATIONS = {
    "IsCitedBy": "Cited by",
    "IsReferencedBy": "Referenced by",
    "Cites": "Cites",
    "References": "References",
    "IsDerivedFrom": "Derived from",
    "IsSourceOf": "Source of",
    "IsPartOf": "Part of",
    "HasPart": "Has part",
    "IsSupplementTo": "Supplement to",
    "IsSupplementedBy": "Supplemented by",
    "IsNewVersionOf": "New version of",
    "IsPreviousVersionOf": "Previous version of",
    "HasVersion": "Has version",
    "IsVersionOf": "Version of",
    "HasMetadata": "Metadata",
    "IsDocumentedBy": "Documented by",
}


@dataclass(frozen=True, slots=True)
class Landing:
    """What a landing page shows beside the record.

    ``root`` is the server's address. ``collection`` is that of the record, where the public may see it.
    ``imported`` is the day on which a record of another archive was copied, empty for our own.
    """

    record: Record
    root: str
    collection: str = ""
    imported: str = ""
    attribution: Attribution | None = None

    @property
    def path(self) -> str:
        """Path of the page."""
        return f"{LANDING_PATH}/{quote(self.record.doi, safe='/')}"

    def format_path(self, media: str) -> str:
        """Return where the record is in a format."""
        return f"{MOUNT_PATH}/dois/{media}/{quote(self.record.doi, safe='/')}"


def landing_page(landing: Landing) -> str:
    """Return the page."""
    record = landing.record
    sections = (
        _facts(landing),
        _citation(landing),
        _abstract(record),
        _rights(landing),
        _download(landing),
        _relations(record, "Versions", kinds=_VERSIONS),
        _relations(record, "Related", without=_VERSIONS),
        _json_ld(landing),
    )
    title = record.title or record.doi
    return page(title, f"<h1>{escape(title)}</h1>{''.join(sections)}" + '<p><a href="/">Start</a></p>')


def link_headers(landing: Landing) -> str:
    """Return the ``Link`` header of the page. Source: Signposting (signposting.org), FAIR level 1."""
    record, root = landing.record, _header_safe(landing.root)
    links = [
        f'<{_header_safe(record.address)}>; rel="cite-as"',
        '<https://schema.org/AboutPage>; rel="type"',
        '<https://schema.org/Dataset>; rel="type"',
    ]
    links += [
        f'<{root}{landing.format_path(each.media)}>; rel="describedby"; type="{each.media}"'
        for each in RECORD_FORMATS
        if each.name in _LINKED
    ]
    links += [f'<{url}>; rel="license"' for url in _licence_addresses(record)]
    orcids = filter(None, map(_orcid, record.creators))
    links += [f'<{each}>; rel="author"' for each in list(orcids)[:_LINKED_AT_MOST]]
    if landing.collection:
        links.append(f'<{root}{landing.path}?format=tcia>; rel="item"; type="text/plain"')
    return ", ".join(links)


def _header_safe(address: str) -> str:
    return quote(address, safe="/:?#[]@!$&'()*+,;=%-._~")


def _licence_addresses(record: Record) -> list[str]:
    found = (text(each, "rightsUri") for each in record.rights)
    safe = [_header_safe(each) for each in found if each and _is_web(each)]
    return [each for each in safe if len(each) <= _LONGEST_LINK][:_LINKED_AT_MOST]


def _is_web(address: str) -> bool:
    return address.lower().startswith(_WEB)


def _link(address: str | None, shown: str) -> str:
    """Return a link, or the text alone where the address is none of the web."""
    if not address or not _is_web(address):
        return escape(shown)
    return f'<a href="{escape(address)}" rel="nofollow noopener">{escape(shown)}</a>'


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def _facts(landing: Landing) -> str:
    record = landing.record
    rows = [
        ("DOI", _link(record.address, record.doi)),
        ("Creators", "; ".join(map(_person, record.creators))),
        ("Published", escape(", ".join(filter(None, (_publisher(record), _year(record)))))),
        ("Version", escape(record.version or "")),
        ("Short name", escape("; ".join(_short_names(record)))),
        ("Contributors", "; ".join(map(_person, record.contributors))),
        ("Funding", "; ".join(map(_funder, parts(record.attributes, "fundingReferences")))),
    ]
    cells = "".join(f"<tr><th>{name}</th><td>{shown}</td></tr>" for name, shown in rows if shown)
    return f"<table>{cells}</table>{_origin(landing)}"


def _origin(landing: Landing) -> str:
    if not landing.imported:
        return ""
    elsewhere = _link(landing.record.url, "its landing page")
    return (
        f"<p>This is a copy of the record, made on {escape(landing.imported)}. The DOI belongs to another "
        f"archive and leads to {elsewhere}.</p>"
    )


def _publisher(record: Record) -> str:
    return text(record.publisher, "name") or ""


def _year(record: Record) -> str:
    return str(record.year) if record.year else ""


def _short_names(record: Record) -> Iterable[str]:
    found = (text(each, "identifier") for each in parts(record.attributes, "identifiers"))
    return filter(None, found)


def _orcid(person: Part) -> str | None:
    """Return a person's ORCID as an address, in whichever of its forms the record has it."""
    for each in parts(person, "nameIdentifiers"):
        digits = (text(each, "nameIdentifier") or "").rpartition("/")[2].upper()
        if len(digits) == 19 and _is_orcid(digits):
            return _ORCID + digits
    return None


def _is_orcid(digits: str) -> bool:
    """Whether the check digit is right (ISO 7064, mod 11-2)."""
    plain = digits.replace("-", "")
    if len(plain) != 16 or not (plain[:15].isascii() and plain[:15].isdigit()):
        return False
    total = 0
    for digit in plain[:15]:
        total = (total + int(digit)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == plain[15]


def _person(person: Part) -> str:
    return _link(_orcid(person), full_name(person) or "")


def _funder(reference: Part) -> str:
    award = text(reference, "awardNumber") or text(reference, "awardTitle")
    shown = _link(text(reference, "funderIdentifier"), text(reference, "funderName") or "")
    return f"{shown} ({_link(text(reference, 'awardUri'), award)})" if award else shown


def _citation(landing: Landing) -> str:
    cited = formatted_citation(landing.record, CitationOptions(html=True))
    formats = ", ".join(
        f'<a href="{escape(landing.format_path(each.media))}">{escape(each.name)}</a>'
        for each in RECORD_FORMATS
    )
    return _section(
        "How to cite",
        f'<blockquote class="cite" title="A click selects it">{cited}</blockquote>'
        f"<p>The record as {formats}.</p>",
    )


def _abstract(record: Record) -> str:
    described = record.description("Abstract") or record.description()
    if described is None:
        return ""
    return _section("Abstract", f"<div>{clean_html(described)}</div>")


def _rights(landing: Landing) -> str:
    items = "".join(
        f"<li>{_link(text(each, 'rightsUri'), text(each, 'rights') or text(each, 'rightsUri') or '')}</li>"
        for each in landing.record.rights
    )
    told = (
        f"<p>The DOI record says:</p><ul>{items}</ul>" if items else "<p>The DOI record names no licence.</p>"
    )
    origin = ""
    if landing.attribution is not None:
        lines = escape(landing.attribution.text).replace("\n", "<br>")
        origin = f"<p>{lines}</p>"
    return _section(
        "Licence and data usage policy",
        f"{told}<p>Each series names its own licence, which holds for it; the "
        f'<a href="{POLICY_PATH}">data usage policy</a> applies to all.</p>{origin}',
    )


def _download(landing: Landing) -> str:
    if not landing.collection:
        return ""
    name = landing.collection
    command = shlex.join(["filmroom", "download", "--server", landing.root, "--collection", name])
    return _section(
        "Download",
        f"<p>Collection {escape(name)} of this archive:</p><pre>{escape(command)}</pre>"
        f'<p><a href="{escape(landing.path)}?format=tcia">Manifest of its public series</a>, '
        "for the Data Retriever and other programs.</p>",
    )


def _relations(record: Record, title: str, kinds: Iterable[str] = (), without: Iterable[str] = ()) -> str:
    grouped: dict[str, list[str]] = {}
    for each in parts(record.attributes, "relatedIdentifiers"):
        kind = text(each, "relationType") or "Related"
        value = text(each, "relatedIdentifier")
        if value and ((kind in kinds) if kinds else (kind not in without)):
            grouped.setdefault(kind, []).append(_link(related_address(each), value))
    return _section(title, "".join(_group(kind, links) for kind, links in grouped.items()))


def _group(kind: str, links: list[str]) -> str:
    name = escape(_RELATIONS.get(kind, kind))
    listed = f"<ul>{''.join(f'<li>{each}</li>' for each in links)}</ul>"
    if len(links) <= _SHOWN_RELATIONS:
        return f"<p>{name}</p>{listed}"
    return f"<details><summary>{name}: {len(links)}</summary>{listed}</details>"


def _json_ld(landing: Landing) -> str:
    """Return the record as schema.org in an element that no browser runs."""
    described: dict[str, Any] = {**schema_org(landing.record), **_for_dataset_search(landing)}
    written = json.dumps(described, ensure_ascii=True)
    # Nothing in it can end the element or begin another.
    for letter in "<>&":
        written = written.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/ld+json">{written}</script>'


def _for_dataset_search(landing: Landing) -> Mapping[str, Any]:
    """Return what search engines for data sets ask for beyond the record."""
    if not landing.collection:
        return {}
    return {
        "isAccessibleForFree": True,
        "distribution": {
            "@type": "DataDownload",
            "contentUrl": f"{landing.root}{landing.path}?format=tcia",
            "encodingFormat": "text/plain",
        },
    }
