"""Where the bytes lie: stores of immutable objects, packs, and the computed series ZIP."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filmroom.errors import InvalidInput
from filmroom.store.base import ObjectStat, Store

__all__ = ["ObjectStat", "Store", "open_store"]


def open_store(url: str) -> Store:
    """Open the store at an address: ``file:///absolute/folder`` or the plain path of a folder.

    The folder is made when it is absent.

    :raises InvalidInput: for an address of another kind. :raises StoreError: when it cannot be opened.
    """
    from filmroom.store.local import LocalStore

    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", url)
    if not url or "\0" in url:
        raise InvalidInput("The store address is empty or holds a NUL.")
    if scheme is None:
        try:
            return LocalStore(Path(url).expanduser().absolute())
        except RuntimeError:
            raise InvalidInput(f"The store address names an unknown user: {url!r}.") from None
    if scheme[1].lower() != "file":
        raise InvalidInput(
            f"No store of kind {scheme[1]!r} is known.",
            advice="Known are a folder's path and file:///absolute/folder.",
        )
    parts = urlsplit(url)
    path = url2pathname(parts.path)
    if parts.netloc not in {"", "localhost"} or not Path(path).is_absolute() or parts.query or parts.fragment:
        raise InvalidInput(f"Not the address of a local folder: {url!r}.", advice="Write file:///folder.")
    return LocalStore(Path(path))
