"""Which names of archive members may become files.

A series archive is flat (API guide: ``LICENSE``, ``1-01.dcm`` …), so anything that is not one plain file
name on every system is refused: what the server sends must not choose where it lands.
"""

from __future__ import annotations

import re
import unicodedata

from filmroom.errors import BadAnswer

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
# Device names of Windows, with or without an extension (Microsoft: Naming Files, Paths, and Namespaces).
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE
)
_LONGEST = 200


def checked_member_name(name: str) -> str:
    """Return ``name`` if it is one plain file name.

    :raises BadAnswer: for paths, drive letters, control characters, names that a system reserves.
    """
    if (
        not name
        or len(name.encode("utf-8", "surrogatepass")) > _LONGEST
        or name in {".", ".."}
        or name[-1] in " ."
        or name[0] == " "
        or _FORBIDDEN.search(name)
        or _RESERVED.fullmatch(name)
    ):
        raise BadAnswer(f"The archive holds a member whose name is not a plain file name: {name[:80]!r}.")
    return name


def folded(name: str) -> str:
    """Return what two names share that some file system takes for the same file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
