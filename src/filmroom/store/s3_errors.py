"""What goes wrong in an S3 service, said in our words.

The services' own messages quote addresses, signed strings and key ids, so of them only the HTTP status and
the error code are taken over.
"""

from __future__ import annotations

import re

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from filmroom.errors import (
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

S3_ERRORS = (BaseError, OSError)
"""What the S3 library raises."""

_STATUS = re.compile(r"status code: ([1-5][0-9]{2})")
_CODE = re.compile(r"<Code>([0-9A-Za-z.]{1,64})</Code>")
_FULL = re.compile(
    r"StorageFull|QuotaExceeded|EntityQuotaExceeded|InsufficientStorage|InsufficientCapacity"
    r"|status code: 507|No ?more ?free ?space|no free volumes|no space left",
    re.IGNORECASE,
)
_NO_CREDENTIALS = re.compile(r"CredentialsProvider|InstanceCredential|/169\.254\.")
_KINDS: dict[type[Exception], tuple[type[StoreError], str]] = {
    FileNotFoundError: (ObjectMissing, "The object {} is not in the store."),
    AlreadyExistsError: (ObjectExists, "The object {} is already there."),
    PreconditionError: (ObjectChanged, "The object {} was replaced while it was read."),
}
_REFUSED = {"401", "403"}
_CREDENTIALS = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is needed, AWS_ENDPOINT_URL."


def translated(error: Exception, what: str) -> StoreError:
    """Return the error of a store for one of the S3 library.

    :param what: the object's key, or what else was to be done.
    """
    text = str(error)
    if _FULL.search(text):
        return StoreFull(f"No space is left in the store for {what}.")
    if "NoSuchBucket" in text:
        return StoreError("The store's bucket does not exist.", advice="Make it, or correct its name.")
    for kind, (raised, sentence) in _KINDS.items():
        if isinstance(error, kind):
            return raised(sentence.format(what))
    return _failure(text, what)


def _failure(text: str, what: str) -> StoreError:
    status = _STATUS.search(text)
    code = _CODE.search(text)
    found = " ".join(match[1] for match in (status, code) if match is not None)
    detail = f" ({found})" if found else ""
    if status is not None and status[1] in _REFUSED:
        return StoreError(f"The store refuses access to {what}{detail}.", advice=_CREDENTIALS)
    if _NO_CREDENTIALS.search(text):
        return StoreError("No credentials for the store were found.", advice=_CREDENTIALS)
    if status is not None and status[1].startswith("4") and status[1] not in {"408", "429"}:
        return StoreError(f"The store cannot do what was asked with {what}{detail}.")
    return StoreUnavailable(f"The store cannot be reached, or is overloaded, for {what}{detail}.")
