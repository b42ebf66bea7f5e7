"""What a server asks an account to agree to, and the account's yes."""

from __future__ import annotations

from filmroom.client.connection import Connection
from filmroom.errors import BadAnswer
from filmroom.model.agreements import ShownAgreement
from filmroom.wire.agreements import read_agreements
from filmroom.wire.operations import find_operation


def ask(connection: Connection) -> list[ShownAgreement]:
    """Return the current agreements that concern the account."""
    return read_agreements(connection.get(find_operation("", "getAgreements").path, {}).content)


def accept(connection: Connection, agreement: ShownAgreement) -> ShownAgreement:
    """Accept one for the account; return it as the server has recorded it."""
    answer = connection.post(find_operation("", "acceptAgreement").path, {"agreement": str(agreement.id)})
    accepted = read_agreements(answer.content)
    if len(accepted) != 1 or accepted[0].id != agreement.id or accepted[0].accepted is None:
        raise BadAnswer(f"{connection.root} does not say that the agreement is accepted.")
    return accepted[0]
