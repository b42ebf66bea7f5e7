"""Passwords: argon2id, at the cost that OWASP names for it (19 MiB, two passes, one lane)."""

from __future__ import annotations

import functools
import secrets
import unicodedata

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from filmroom.errors import InvalidInput

SHORTEST = 8
LONGEST = 1_024
"""Characters of a password."""

_HASHING = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))


def _normal(password: str) -> str:
    # One password typed on two keyboards is one password (RFC 8265, OpaqueString).
    return unicodedata.normalize("NFC", password)


def hash_password(password: str) -> str:
    """Return what is kept of a password. Takes some 20 ms. :raises InvalidInput: when it is too short."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters.")
    return _HASHING.hash(_normal(password))


@functools.cache
def _nobody() -> str:
    return _HASHING.hash(secrets.token_urlsafe())


def verify_password(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Return whether it is the password, and what to keep instead where the cost has changed since.

    Without anything kept the answer is no, after the same time.
    """
    if len(password) > LONGEST:
        password = ""  # as much work as any, and the password of nobody
    right, better = _HASHING.verify_and_update(_normal(password), kept or _nobody())
    return right and kept is not None, better
