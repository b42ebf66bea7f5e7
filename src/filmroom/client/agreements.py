"""What a server asks an account to agree to, and the account's yes."""

from __future__ import annotations

from filmroom.client.question import Asking, question
from filmroom.client.steps import Answer, Request, Steps
from filmroom.errors import BadAnswer
from filmroom.model.agreements import ShownAgreement
from filmroom.wire.agreements import read_agreements
from filmroom.wire.operations import find_operation


def _read(answer: Answer) -> list[ShownAgreement]:
    return read_agreements(answer.content)


class AgreementQuestions(Asking):
    """The data usage agreements of a server."""

    @question
    def agreements(self) -> Steps[list[ShownAgreement]]:
        """Return the data usage agreements that concern this client's account.

        :raises NotFound: when the server knows of none, as TCIA's does not.
        """
        shown: list[ShownAgreement] = yield Request(find_operation("", "getAgreements"), {}, _read)
        return shown

    @question
    def accept_agreement(self, agreement: ShownAgreement) -> Steps[ShownAgreement]:
        """Accept an agreement; return it as recorded. :raises ServerError: when it is not current."""
        operation = find_operation("", "acceptAgreement")
        accepted: list[ShownAgreement] = yield Request(
            operation, {}, _read, form={"agreement": str(agreement.id)}
        )
        if len(accepted) != 1 or accepted[0].id != agreement.id or accepted[0].accepted is None:
            raise BadAnswer(f"{self.base_url} does not say that the agreement is accepted.")
        return accepted[0]
