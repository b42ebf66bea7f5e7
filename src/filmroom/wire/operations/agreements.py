"""Data usage agreements: read and accepted. NBIA has no such operations; these are Filmroom's own."""

from __future__ import annotations

from filmroom.wire.operation import JSON, Operation
from filmroom.wire.parameters import Parameter

AGREEMENT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "getAgreements",
        "",
        (),
        "The data usage agreements that concern the caller, and which the caller has accepted",
        action="agreements",
        media=JSON,
        auth="required",
        notes="`required`: restricted series that the caller was granted come under it; their files are "
        "given out once `accepted` is not null. Not of NBIA.",
    ),
    Operation(
        "acceptAgreement",
        "",
        (Parameter("agreement", "", required=True, help="id of the agreement", example="1"),),
        "Accept a data usage agreement for the caller's account",
        action="accept_agreement",
        media=JSON,
        method="POST",
        missing_text="A form parameter, agreement, is required for this API call.",
        auth="required",
        notes="Answers with the agreement, in a list. 404 when there is none of that id, 400 when another "
        "text took its place, 401 for the guest. Not of NBIA.",
    ),
)
