"""Where the bytes lie: stores of immutable objects, packs, and the computed series ZIP."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filmroom.errors import InvalidInput, MissingExtra
from filmroom.store.base import ObjectStat, Store

__all__ = ["ObjectStat", "Store", "open_store"]


def open_store(url: str) -> Store:
    """Open the store at an address: ``file:///absolute/folder``, the plain path of a folder, or
    ``s3://bucket/prefix``.

    A folder is made when it is absent; a bucket has to be there.

    :raises InvalidInput: for an address of another kind. :raises StoreError: when it cannot be opened.
    :raises MissingExtra: for a bucket, without ``filmroom[s3]``.
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
    if scheme[1].lower() == "s3":
        return _open_bucket(url)
    if scheme[1].lower() != "file":
        raise InvalidInput(
            f"No store of kind {scheme[1]!r} is known.",
            advice="Known are a folder's path, file:///absolute/folder and s3://bucket/prefix.",
        )
    parts = urlsplit(url)
    path = url2pathname(parts.path)
    if parts.netloc not in {"", "localhost"} or not Path(path).is_absolute() or parts.query or parts.fragment:
        raise InvalidInput(f"Not the address of a local folder: {url!r}.", advice="Write file:///folder.")
    return LocalStore(Path(path))


def _open_bucket(url: str) -> Store:
    try:
        from filmroom.store.s3 import S3Store
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "obstore":
            raise
        raise MissingExtra("s3", "A store in an S3 bucket") from None
    return S3Store(url)
