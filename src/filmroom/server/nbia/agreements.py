"""Agreements for programs: what an account is asked, and its yes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from filmroom.errors import InvalidInput
from filmroom.model.agreements import ShownAgreement
from filmroom.server.service import Call, Service
from filmroom.wire.agreements import write_agreements
from filmroom.wire.operation import JSON

_LARGEST_ID = 2**63 - 1


def _answer(shown: Sequence[ShownAgreement]) -> Response:
    return Response(write_agreements(shown), media_type=JSON, headers={"Cache-Control": "no-store"})


def agreement_id(text: str) -> int:
    """Return the number of an agreement. :raises InvalidInput: when it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST_ID):
        raise InvalidInput("The id of an agreement is a number.")
    return int(text)


async def shown(service: Service, call: Call) -> Response:
    """``getAgreements``: those that concern the caller."""
    viewer = call.visible.viewer
    return _answer(await service.in_thread(lambda: service.catalog.agreements().shown(viewer)))


async def accept(service: Service, call: Call) -> Response:
    """``acceptAgreement``: recorded with the account, the time and the address."""
    wanted = agreement_id(call.params["agreement"])
    client = call.request.client
    address = client.host if client else ""
    accepted = await service.in_thread(
        lambda: service.catalog.agreements().accept(call.visible.viewer, wanted, address=address)
    )
    return _answer([accepted])
