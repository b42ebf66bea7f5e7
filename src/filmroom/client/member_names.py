"""Which names of archive members may become files.

A series archive is flat (API guide: ``LICENSE``, ``1-01.dcm`` …), so anything that is not one plain file
name on every system is refused: what the server sends must not choose where it lands.
"""

from __future__ import annotations

from filmroom.errors import BadAnswer
from filmroom.model.naming import is_plain_file_name


def checked_member_name(name: str) -> str:
    """Return ``name`` if it is one plain file name.

    :raises BadAnswer: for paths, drive letters, control characters, names that a system reserves.
    """
    if not is_plain_file_name(name):
        raise BadAnswer(f"The archive holds a member whose name is not a plain file name: {name[:80]!r}.")
    return name
