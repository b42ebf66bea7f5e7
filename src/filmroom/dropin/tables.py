"""Small tools for data frames, sizes and texts, as ``filmroom.utils`` shows them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from filmroom.dropin.extras import pandas
from filmroom.dropin.session import log, session
from filmroom.model.html_text import html_text

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB")
_BINARY = ("KiB", "MiB", "GiB", "TiB", "PiB")
# What the decomposition of Unicode leaves alone, though everybody writes it in ASCII.
_PLAIN = str.maketrans(
    {
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "--",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{LATIN SMALL LETTER SHARP S}": "ss",
        "\N{GREEK SMALL LETTER MU}": "u",
        "\N{MICRO SIGN}": "u",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{BULLET}": "*",
    }
)


def searchDf(search_term: str | Iterable[Any], dataframe: Any = None, column_name: str | None = None) -> Any:
    """Return the rows of a data frame in which a cell holds one of the terms, in any case.

    :param column_name: look at this column only.
    :return: None when there is no frame, or no such column.
    """
    if dataframe is None:
        log.error("searchDf needs a data frame.")
        return None
    if column_name and column_name not in dataframe.columns:
        log.error("The data frame has no column %r.", column_name)
        return None
    terms = [search_term] if isinstance(search_term, str) else list(search_term)
    wanted = [str(term).lower() for term in terms]
    searched = dataframe[[column_name]] if column_name else dataframe
    hits = [
        any(term in str(cell).lower() for cell in row for term in wanted)
        for row in searched.itertuples(index=False, name=None)
    ]
    return dataframe[hits]


def copy_df_cols(
    df_to_update: Any, columns_to_copy: str | Iterable[str], source_df: Any, key_column: str
) -> Any:
    """Return a data frame with columns of another one, found by a common key; no frame is changed.

    Values of the other frame win where it has one. A column that it lacks is logged and comes out empty.
    """
    result = df_to_update.copy()
    names = [columns_to_copy] if isinstance(columns_to_copy, str) else list(columns_to_copy)
    for name in names:
        if name not in source_df.columns:
            log.error("The source has no column %r.", name)
            result[name] = pandas().NA
            continue
        old = result[name].to_numpy() if name in result.columns else None
        bare = result.drop(columns=name) if old is not None else result
        merged = bare.merge(source_df[[key_column, name]], on=key_column, how="left")
        if old is not None and len(merged) == len(old):
            merged[name] = merged[name].where(merged[name].notna(), old)
            merged = merged[list(result.columns)]
        result = merged
    return result


def format_disk_space(size_in_bytes: float) -> str:
    """Return a size in units of a thousand: ``12.50 MB``."""
    return _size(size_in_bytes, 1000, _DECIMAL)


def format_disk_space_binary(size_in_bytes: float) -> str:
    """Return a size in units of 1,024, from KiB on: ``12.50 MiB``."""
    return _size(size_in_bytes / 1024, 1024, _BINARY)


def _size(size: float, step: int, units: tuple[str, ...]) -> str:
    *smaller, largest = units
    for unit in smaller:
        if size < step:
            return f"{size:.2f} {unit}"
        size /= step
    return f"{size:.2f} {largest}"


def remove_html_tags(text: str) -> str:
    """Return the text of HTML, in ASCII as far as its letters have a plain form."""
    plain = html_text(text).translate(_PLAIN)
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()


def set_proxy(proxies: Mapping[str, str] | None) -> None:
    """Go through proxies from now on: addresses by scheme, ``http`` and ``https``; None for none."""
    session.set_proxies(proxies)
    hosts = {scheme: urlsplit(address).hostname for scheme, address in (proxies or {}).items()}
    log.info("Proxies: %s", hosts or None)


def get_proxy() -> Mapping[str, str] | None:
    """Return what :func:`set_proxy` was given."""
    return session.proxies
