"""Citations of data: what is to be cited, under which licences, and how it is written down."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from filmroom.client.datacite.stored import StoredRecord
from filmroom.errors import FilmroomError, NotFound
from filmroom.wire.datacite.csl import csl_json
from filmroom.wire.datacite.record import DOI_RESOLVER, Part, Record, text
from filmroom.wire.datacite.styles import APA, ENGLISH, CitationOptions, find_style, formatted_citation
from filmroom.wire.datacite.text_formats import bibtex, one_line, ris

_ADDRESS = re.compile(r"<?https?://[A-Za-z0-9./:_~%?=&+#;@$,!'()-]+>?[.:,]?")

TCIA_PAPER = Record(
    {
        "doi": "10.1007/s10278-013-9622-7",
        "url": "https://doi.org/10.1007/s10278-013-9622-7",
        "creators": [
            {"name": f"{family}, {given}", "familyName": family, "givenName": given}
            for family, given in (
                ("Clark", "Kenneth"),
                ("Vendt", "Bruce"),
                ("Smith", "Kirk"),
                ("Freymann", "John"),
                ("Kirby", "Justin"),
                ("Koppel", "Paul"),
                ("Moore", "Stephen"),
                ("Phillips", "Stanley"),
                ("Maffitt", "David"),
                ("Pringle", "Michael"),
                ("Tarbox", "Lawrence"),
                ("Prior", "Fred"),
            )
        ],
        "titles": [
            {
                "title": "The Cancer Imaging Archive (TCIA): Maintaining and Operating a Public Information "
                "Repository"
            }
        ],
        "publisher": "Springer",
        "publicationYear": 2013,
        "types": {"resourceTypeGeneral": "JournalArticle"},
        "container": {
            "title": "Journal of Digital Imaging",
            "volume": "26",
            "issue": "6",
            "firstPage": "1045",
            "lastPage": "1057",
        },
    }
)
"""What TCIA asks to be cited beside the data sets themselves."""


@dataclass(frozen=True, slots=True)
class LicenceUse:
    """A licence of some of the data.

    ``series``: how many series come under it; 0 where a DOI record alone says so. ``spdx`` is its
    identifier at SPDX in lower case, empty for one that has none.
    """

    name: str
    url: str = ""
    series: int = 0
    spdx: str = ""

    @property
    def source(self) -> str:
        """Who says so."""
        return f"{self.series} series" if self.series else "by the DOI record"

    @property
    def restriction(self) -> str:
        """What it forbids or asks for beyond naming the source, in a sentence; empty for nothing."""
        terms = self.spdx.split("-")
        if not self.name:
            return "No licence is told: ask the archive before use."
        if not self.spdx:
            return f"{self.name}: own terms, to be read before use and before passing anything on."
        told = [
            sentence
            for term, sentence in (
                ("nc", "not for commercial use"),
                ("nd", "not to be passed on changed"),
                ("sa", "what is made from it comes under the same licence"),
            )
            if term in terms
        ]
        return f"{self.name}: {', '.join(told)}." if told else ""


@dataclass(frozen=True, slots=True)
class CitedData:
    """One thing to cite. ``doi`` is empty for series without one, ``series`` 0 where a DOI was asked for.

    ``problem`` says why there is no record.
    """

    doi: str
    found: StoredRecord | None = None
    series: int = 0
    collections: tuple[str, ...] = ()
    address: str = ""
    problem: FilmroomError | None = None

    @property
    def record(self) -> Record | None:
        """The DOI's record, None where there is none."""
        return None if self.found is None else self.found.record

    @property
    def entry(self) -> Record:
        """The record, or what little can be said without one."""
        if self.found is not None:
            return self.found.record
        title = f"Data of {', '.join(self.collections)}" if self.collections else None
        return Record(
            {
                "doi": self.doi,
                "url": self.address or DOI_RESOLVER + self.doi,
                "titles": [{"title": title}] if title else [],
                "types": {"resourceTypeGeneral": "Dataset"},
            }
        )


@dataclass(frozen=True, slots=True)
class Citations:
    """Everything that is to be said of a selection of data.

    ``also`` is to be cited beside the data. The others are sentences. ``notes``: copies and their age, what
    is missing. ``attributions``: where the data come from. ``agreements``: that some come under one.
    """

    data: tuple[CitedData, ...]
    licences: tuple[LicenceUse, ...] = ()
    also: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()

    @property
    def restrictions(self) -> tuple[str, ...]:
        """What must not be done with the data, or asks for more than naming the source."""
        told = (each.restriction for each in self.licences if each.restriction)
        return tuple(dict.fromkeys((*told, *self.agreements)))

    @property
    def entries(self) -> tuple[Record, ...]:
        """All records to cite that have a DOI."""
        return (*(each.entry for each in self.data if each.doi), *self.also)

    def raise_for_missing(self) -> None:
        """:raises FilmroomError: why a DOI could not be cited in full; the first such reason."""
        for each in self.data:
            if each.problem is not None:
                raise each.problem

    # as text ----------------------------------------------------------------------------------------
    def text(self, *, style: str = APA, locale: str = ENGLISH) -> str:
        """Return citations, licences, restrictions and notes as plain text."""
        return self._written(CitationOptions(style, locale), _plain_heading, "", "- ")

    def markdown(self, *, style: str = APA, locale: str = ENGLISH) -> str:
        """Return the same as Markdown."""
        return self._written(CitationOptions(style, locale), lambda title: f"## {title}\n", "- ", "- ")

    def _written(self, options: CitationOptions, heading: Callable[[str], str], mark: str, item: str) -> str:
        shown = _marked if mark else _printable
        between = "\n" if mark else "\n\n"
        cited = [mark + shown(_cited(each, options)) for each in self.data]
        also = [mark + shown(formatted_citation(each, options)) for each in self.also]
        sections = [heading("Data") + between.join(cited)] if cited else []
        if also:
            sections.append(heading("Archive") + between.join(also))
        lists: Iterable[tuple[str, Iterable[str]]] = (
            ("Licences", map(_licence, self.licences)),
            ("Restrictions", self.restrictions),
            ("Attribution", self.attributions),
            ("Notes", self.notes),
        )
        for title, lines in lists:
            listed = [item + shown(line) for line in lines]
            if listed:
                sections.append(heading(title) + "\n".join(listed))
        return "\n\n".join(sections) + "\n"

    def bibtex(self) -> str:
        """Return BibTeX entries."""
        return "\n".join(map(bibtex, self.entries))

    def ris(self) -> str:
        """Return RIS records; CR LF between lines."""
        return "\r\n\r\n".join(map(ris, self.entries)) + "\r\n" if self.entries else ""

    def csl(self) -> list[dict[str, Any]]:
        """Return CSL-JSON items."""
        return [csl_json(each) for each in self.entries]

    def csl_text(self) -> str:
        """Return CSL-JSON as text."""
        return json.dumps(self.csl(), indent=2, ensure_ascii=False) + "\n"


def _cited(each: CitedData, options: CitationOptions) -> str:
    if each.record is not None:
        return formatted_citation(each.record, options)
    if each.doi:
        return f"{DOI_RESOLVER}{each.doi} ({_reason(each.problem)})"
    where = f" of {', '.join(each.collections)}" if each.collections else ""
    return f"{each.series} series{where}: no DOI is known{f', see {each.address}' if each.address else ''}."


def _reason(problem: FilmroomError | None) -> str:
    if problem is None or isinstance(problem, NotFound):
        return "no record was found"
    return f"its record could not be read: {problem}"


def _licence(use: LicenceUse) -> str:
    return f"{use.name or 'None told'}{f' <{use.url}>' if use.url else ''}: {use.source}"


def _plain_heading(title: str) -> str:
    return f"{title}\n{'-' * len(title)}\n"


def _printable(line: str) -> str:
    """Return what a server told fit for a terminal."""
    return one_line(line) or ""


def _marked(line: str) -> str:
    """Return a line in which nothing is markup of Markdown but addresses."""
    return " ".join(
        word if _ADDRESS.fullmatch(word) else re.sub(r"([\\`*_{}\[\]#|<>])", r"\\\1", word)
        for word in _printable(line).split(" ")
    )


def age_in_words(age: dt.timedelta) -> str:
    """Return how old a copy is: ``3 days``."""
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        number = int(age.total_seconds() // seconds)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"


def has_style(name: str) -> bool:
    """Whether a style is here."""
    return name == APA or find_style(name) is not None


def of_record(rights: Part) -> LicenceUse:
    """Return a licence as a DOI record has it."""
    return licence_use(text(rights, "rights") or "", text(rights, "rightsUri") or "")


def licence_use(name: str, url: str, series: int = 0) -> LicenceUse:
    """Return a licence with its identifier, where it has one."""
    from filmroom.wire.datacite.fill_in import filled_rights

    spdx = filled_rights({"rights": name or None, "rightsUri": url or None}).get("rightsIdentifier")
    return LicenceUse(name.strip(), url.strip(), series, spdx if isinstance(spdx, str) else "")
