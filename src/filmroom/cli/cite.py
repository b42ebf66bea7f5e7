"""The command that says how data are to be cited."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.browse import ApiOption, ServerOption, make_client
from filmroom.cli.output import remark
from filmroom.errors import InvalidInput
from filmroom.net.answers import one_line

if TYPE_CHECKING:
    from filmroom.client.citations import Citations

_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.|www\.)?doi\.org/)?10\.[0-9]{4,9}", re.IGNORECASE)


class CitationFormat(StrEnum):
    """How citations are written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"


@dataclass(slots=True)
class _Named:
    """What the arguments name."""

    dois: list[str] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


def _sorted(words: Iterable[str]) -> _Named:
    from filmroom.client.layout import is_uid

    named = _Named()
    for word in words:
        path = Path(word).expanduser()
        if _DOI.match(word):
            named.dois.append(word)
        elif path.is_dir():
            named.folders.append(path)
        elif path.is_file():
            named.manifests.append(path)
        elif is_uid(word):
            named.series.append(word)
        else:
            raise InvalidInput(
                f"Nothing to cite: {word[:200]!r}.",
                advice="Give DOIs, Series Instance UIDs, manifests or folders of downloads, or --collection.",
            )
    return named


def _server(server: str | None, named: _Named) -> str | None:
    """Return the server to ask: the one chosen, else that of a manifest or of a download."""
    from filmroom import settings

    if server is not None or settings.get("server"):
        return server
    from filmroom.client.manifests import read_manifest
    from filmroom.client.receipt import known_receipt
    from filmroom.client.verifying import places

    for path in named.manifests:
        if (told := read_manifest(path).server) is not None:
            remark(f"The manifest names the server: {told}")
            return told
    for folder in named.folders:
        for place in places(folder):
            receipt = known_receipt(place)
            if receipt is not None and receipt.server.startswith(("http://", "https://")):
                return receipt.server
    return None


def _print(citations: Citations, fmt: CitationFormat, style: str, locale: str) -> None:
    if fmt is CitationFormat.TEXT:
        sys.stdout.write(citations.text(style=style, locale=locale))
        return
    if fmt is CitationFormat.MARKDOWN:
        sys.stdout.write(citations.markdown(style=style, locale=locale))
        return
    texts = {
        CitationFormat.BIBTEX: citations.bibtex,
        CitationFormat.RIS: citations.ris,
        CitationFormat.CSL: citations.csl_text,
    }
    sys.stdout.write(texts[fmt]())
    # Programs read what was printed; people should know all the same.
    for line in (*citations.restrictions, *citations.attributions, *citations.notes):
        remark(one_line(line))
    for each in citations.data:
        if not each.doi:
            remark(one_line(f"{each.series} series of {', '.join(each.collections) or 'none'} have no DOI."))


def cite(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="DOIs, Series Instance UIDs, manifests, folders of downloads.", metavar="WHAT"),
    ] = None,
    *,
    collection: Annotated[
        list[str] | None, typer.Option("--collection", "-c", help="A collection; may be repeated.")
    ] = None,
    fmt: Annotated[CitationFormat, typer.Option("--format", help="How to write it.")] = CitationFormat.TEXT,
    style: Annotated[
        str,
        typer.Option("--style", help="Citation style by its CSL name; others than apa need the extra cite."),
    ] = "apa",
    locale: Annotated[str, typer.Option("--locale", help="Language of the citation.")] = "en-US",
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody; what was cited before is known.")
    ] = False,
    server: ServerOption = None,
    api: ApiOption = None,
) -> None:
    """Say how data are to be cited, under which licences they come, and what these ask for.

    Records of DOIs come from the archive or from DataCite; copies of them are kept on this machine. A DOI
    without a record is told, with exit code 4.
    """
    from filmroom.client.citations import has_style

    named = _sorted(what or ())
    if not has_style(style):
        remark(f"The style {style[:80]!r} is not installed; APA is used.")
    with make_client(_server(server, named), api) as client:
        citations = client.cite(
            named.series,
            dois=named.dois,
            collections=collection or (),
            manifests=named.manifests,
            folders=named.folders,
            offline=offline,
        )
    _print(citations, fmt, style, locale)
    citations.raise_for_missing()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: filmroom cite luad --format bibtex",
        rich_help_panel="Ask a server",
    )(cite)
