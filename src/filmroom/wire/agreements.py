"""Agreements on the wire: JSON objects with the fields of ``ShownAgreement``, times in ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from filmroom.errors import BadAnswer
from filmroom.model.agreements import ShownAgreement


def write_agreements(shown: Sequence[ShownAgreement]) -> bytes:
    """Return agreements as JSON."""
    return msgspec.json.encode(shown)


def read_agreements(content: bytes) -> list[ShownAgreement]:
    """Return the agreements of an answer. :raises BadAnswer: when it is something else."""
    try:
        return msgspec.json.decode(content, type=list[ShownAgreement])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer is not a list of agreements: {error}.") from None
