"""Short digests of identifiers, for index keys and object names; and which names files may have."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
# Device names of Windows, with or without an extension (Microsoft: Naming Files, Paths, and Namespaces).
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE
)
LONGEST_NAME = 200
"""Bytes that a file's name has at most, in UTF-8."""


def uid_digest(uid: str) -> bytes:
    """Return 16 bytes that stand for a UID in the catalogue's unique index: SHA-256, cut."""
    return hashlib.sha256(uid.encode()).digest()[:16]


def is_plain_file_name(name: str) -> bool:
    """Whether a name is one plain file name on every system: no path, no drive, no control characters,
    nothing that a system reserves."""
    return not (
        not name
        or len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME
        or name in {".", ".."}
        or name[-1] in " ."
        or name[0] == " "
        or _FORBIDDEN.search(name)
        or _RESERVED.fullmatch(name)
    )


def made_plain(text: str) -> str:
    """Return a file name that says what the text says and is plain (see :func:`is_plain_file_name`).

    What no file name may hold becomes ``_``; the name never begins with a dot, so it is never hidden. It is
    empty where the text is blank. Two texts may become one name.
    """
    name = _FORBIDDEN.sub("_", text.strip())
    if name.startswith("."):
        name = "_" + name[1:]
    if _RESERVED.fullmatch(name):
        name = "_" + name
    name = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    return name.rstrip(" .") + "_" if name and name[-1] in " ." else name


def folded(name: str) -> str:
    """Return what two names share that some file system takes for the same file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
