"""The snapshot that a client answers from: found, and seen to be its own."""

from __future__ import annotations

import os
from pathlib import Path

from filmroom.client.snapshot.answers import Snapshot
from filmroom.client.snapshot.file import account_of, check_owner, default_path
from filmroom.errors import InvalidInput, NotFound
from filmroom.net.endpoint import Endpoint

Chosen = bool | str | os.PathLike[str]
"""Whether there is a snapshot: True for the one in the user's data folder, or its file."""


def server_of(chosen: Chosen) -> str | None:
    """Return the server that a snapshot's file is of; None where no file is named."""
    if isinstance(chosen, bool):
        return None
    snapshot = Snapshot(Path(chosen).expanduser())
    snapshot.close()
    return snapshot.info.server


def opened(chosen: Chosen, endpoint: Endpoint, api: str | None) -> Snapshot:
    """Return the snapshot of an endpoint's server and login.

    :param api: version of the API that it must have been made with; None for any.
    :raises NotFound: when there is none. :raises InvalidInput: when it is another one's, or no snapshot.
    """
    account = account_of(endpoint)
    path = default_path(endpoint.root, account) if isinstance(chosen, bool) else Path(chosen).expanduser()
    try:
        snapshot = Snapshot(path)
    except NotFound as error:
        if not isinstance(chosen, bool):
            raise
        raise NotFound(
            f"There is no snapshot of {endpoint.root} for this login.", advice=error.advice
        ) from None
    try:
        check_owner(snapshot.info, endpoint.root, account)
        if api not in {None, snapshot.info.api}:
            raise InvalidInput(
                f"The snapshot was made with version {snapshot.info.api} of the API, not {api}."
            )
    except InvalidInput:
        snapshot.close()
        raise
    return snapshot
