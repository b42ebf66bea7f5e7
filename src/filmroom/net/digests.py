"""Digests of a whole file in an answer's header, also where the answer is a part of it: RFC 9530."""

from __future__ import annotations

import base64
import binascii
import re

_MEMBER = re.compile(r"[ \t]*([a-z0-9*._-]+)=:([A-Za-z0-9+/=]*):[ \t]*")
_KNOWN = {"md5": ("md5", 16), "sha-256": ("sha256", 32), "sha-512": ("sha512", 64), "sha": ("sha1", 20)}
_LONGEST = 2_048


def repr_digest(*, md5: bytes, sha256: bytes) -> str:
    """Return the value of ``Repr-Digest`` for a file."""
    return f"sha-256=:{_text(sha256)}:, md5=:{_text(md5)}:"


def told_digests(value: str) -> dict[str, str]:
    """Return the digests of ``Repr-Digest``: hex, by their names in :mod:`hashlib`.

    What is illegible is left out.
    """
    found = {}
    for member in value[:_LONGEST].split(","):
        match = _MEMBER.fullmatch(member)
        name, length = _KNOWN.get(match[1], ("", 0)) if match else ("", 0)
        if not match or not name:
            continue
        try:
            digest = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            continue
        if len(digest) == length:
            found[name] = digest.hex()
    return found


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
