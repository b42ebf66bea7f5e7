"""Short digests of identifiers, for index keys and object names."""

from __future__ import annotations

import hashlib


def uid_digest(uid: str) -> bytes:
    """Return 16 bytes that stand for a UID in the catalogue's unique index: SHA-256, cut."""
    return hashlib.sha256(uid.encode()).digest()[:16]
