"""Who asks: from the Authorization header of a request to a viewer."""

from __future__ import annotations

import secrets
from typing import Literal

from starlette.requests import Request

from filmroom.errors import AccessDenied, LoginRequired
from filmroom.model.access import PUBLIC, Viewer
from filmroom.server.service import Service

_SCHEME = "Bearer "
_GUEST_HEADER = f"{_SCHEME}undefined"  # what browsers send for a token that they do not have
_GUEST_PREFIX = "guest."


def guest_token() -> str:
    """Return a token of the guest. It opens nothing but what is public, so none is kept or ever ends."""
    return _GUEST_PREFIX + secrets.token_urlsafe(32)


def is_guest_token(token: str) -> bool:
    """Whether a token is one of the guest's; those of accounts never look so."""
    return token.startswith(_GUEST_PREFIX)


def is_foreign_token(token: str) -> bool:
    """Whether a token looks like a JWT, as providers issue them; ours never have a dot in them."""
    return token.count(".") == 2


def bearer_token(request: Request) -> str | None:
    """Return the token of a request, None without the header.

    :raises AccessDenied: for a header that is something else.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    if not header.startswith(_SCHEME):
        raise AccessDenied("The access token is not valid.")
    return header.removeprefix(_SCHEME)


async def viewer_of(
    service: Service, request: Request, auth: Literal["public", "optional", "required"]
) -> Viewer:
    """Return who asks an operation of this kind.

    :raises LoginRequired: without a token where one is required. :raises AccessDenied: for one that is not
        valid, where it is looked at. :raises ProviderUnavailable: when a provider's cannot be checked.
    """
    if auth == "public" or request.headers.get("authorization") == _GUEST_HEADER:
        return PUBLIC
    token = bearer_token(request)
    if token is None:
        if auth == "required":
            raise LoginRequired("This operation needs an access token.")
        return PUBLIC
    return await viewer_of_token(service, token)


async def viewer_of_token(service: Service, token: str) -> Viewer:
    """Return whose token it is.

    :raises AccessDenied: when it is not valid. :raises ProviderUnavailable: when it cannot be checked.
    """
    if is_guest_token(token):
        return PUBLIC
    provider = service.provider
    if provider is not None and is_foreign_token(token):
        person = await provider.holder(token)
        admission = provider.admission
        return await service.in_thread(lambda: service.catalog.identities().viewer(person, admission))
    # Looked up each time, so that a token that was ended anywhere is dead everywhere.
    return await service.in_thread(lambda: service.catalog.tokens().viewer(token))
