"""Every error Filmroom raises on purpose, as one tree.

The tree knows nothing of HTTP or of terminals: ``server/errors.py`` turns a class into a status and a
body, ``cli/errors.py`` turns it into a sentence and an exit code.

::

    FilmroomError
    ├── InvalidInput              the caller gave something that cannot be used
    │   ├── MissingParameter
    │   ├── UnknownParameter
    │   ├── UnknownFormat
    │   ├── NoPicture             nothing of the object can be shown
    │   ├── UnusableSlide         a file is no slide, or a broken one
    │   ├── QueryRefused          a query string that cannot be understood or answered
    │   └── DicomError            a file or object is not usable DICOM
    │       ├── NotDicom          no DICOM at all: a bystander
    │       ├── UnreadableDicom   claims to be DICOM and cannot be read
    │       ├── TruncatedDicom    ends before its data elements do
    │       └── IllegalIdentifier a UID or ID that is missing or breaks the standard
    ├── IdentityConflict          same UID, other bytes or other parents
    ├── NotFound                  absent, or not visible to this viewer: never told apart
    │   └── NoSuchOperation       the server does not know the operation, or not its version
    ├── AccessDenied              the login that was given is not valid
    │   ├── LoginRequired         no login was given where one is needed
    │   └── AgreementRequired     what was granted is given out once its agreement is accepted
    ├── NotPermitted              the caller is known, and may not do this
    ├── RecordChanged             what was to be changed is not what the caller has seen
    ├── TooManyAttempts           too many logins failed within a minute
    ├── CatalogError
    │   ├── SchemaMismatch        the catalogue has another schema version than this program
    │   ├── CatalogBusy
    │   ├── CatalogUnreachable    the database does not answer, or ended the connection
    │   └── LeaseLost             another worker was given what this one was doing
    ├── StoreError
    │   ├── ObjectMissing
    │   ├── ObjectExists
    │   ├── ObjectChanged         an object is not what it was when it was catalogued
    │   ├── StoreFull
    │   └── StoreUnavailable      the store does not answer, or asks for patience
    ├── ProviderUnavailable       the institute's login service does not answer as it should
    ├── ArchiveInUse              another process holds what this one needs
    ├── NotOffline                only the server can answer this, not a snapshot of it
    ├── MissingExtra              an optional dependency is not installed
    ├── TransferError             something between client and server failed
    │   ├── ServerUnreachable
    │   ├── ServerError           the server answered with an error
    │   ├── BadAnswer             the answer breaks the protocol
    │   ├── IncompleteTransfer    fewer bytes or files than promised
    │   └── DigestMismatch        bytes arrived that are not the bytes that were promised
    └── VerificationFailed        files on disk are missing or damaged
"""

from __future__ import annotations


class FilmroomError(Exception):
    """Base of every error raised on purpose.

    ``str(error)`` is one sentence for a person; ``advice`` says what to do about it, where we know.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return self.message


class InvalidInput(FilmroomError):
    """The caller gave something that cannot be used; nothing was changed."""


class MissingParameter(InvalidInput):
    """A required parameter is absent."""


class UnknownParameter(InvalidInput):
    """A parameter that the operation does not know, where unknown ones are refused."""


class UnknownFormat(InvalidInput):
    """An output format that the operation does not offer."""


class RequestTooLarge(InvalidInput):
    """The form of a request is larger than the server takes."""


class NoPicture(InvalidInput):
    """An object is no image, or one that cannot be shown."""


class UnusableSlide(InvalidInput):
    """A file is no whole-slide image, or one that is broken or cannot be shown in pieces."""

    reason = "unusable-slide"


class QueryRefused(InvalidInput):
    """A query string that cannot be understood, or asks for more than is answered."""


class DicomError(InvalidInput):
    """A file or object is not usable DICOM. ``reason`` is a short stable code for reports."""

    reason = "unusable"


class NotDicom(DicomError):
    """The bytes are not DICOM at all: a bystander, to be skipped and counted."""

    reason = "not-dicom"


class UnreadableDicom(DicomError):
    """The bytes claim to be DICOM and cannot be read."""

    reason = "unreadable"


class TruncatedDicom(DicomError):
    """The file ends before its data elements do."""

    reason = "truncated"


class IllegalIdentifier(DicomError):
    """A required identifier is missing or breaks PS3.5 (UID: section 9.1)."""

    reason = "illegal-identifier"


class IdentityConflict(FilmroomError):
    """An identifier is already taken by other bytes or by other parents."""

    reason = "conflict"


class NotFound(FilmroomError):
    """The thing does not exist, or the viewer may not know that it does."""


class NoSuchOperation(NotFound):
    """The server does not know an operation, or not in the version that was asked."""


class AccessDenied(FilmroomError):
    """The caller must log in, or the login that was given is not valid or not enough."""


class LoginRequired(AccessDenied):
    """No login was given where one is needed."""


class AgreementRequired(AccessDenied):
    """A series was granted to the caller, who has not accepted its data usage agreement yet.

    ``series_instance_uid`` is the series; ``address`` is where to accept, where that is known.
    """

    def __init__(
        self, message: str, *, series_instance_uid: str = "", address: str = "", advice: str = ""
    ) -> None:
        super().__init__(message, advice=advice)
        self.series_instance_uid = series_instance_uid
        self.address = address


class NotPermitted(FilmroomError):
    """The caller is known, and may not do this."""


class RecordChanged(FilmroomError):
    """What was to be changed is no longer what the caller has seen; nothing was changed."""


class TooManyAttempts(FilmroomError):
    """Too many logins failed; ``seconds`` later one may be tried again."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class CatalogError(FilmroomError):
    """The catalogue cannot be used."""


class SchemaMismatch(CatalogError):
    """The catalogue's schema is older or newer than this program."""


class CatalogBusy(CatalogError):
    """The catalogue stayed locked by another writer for longer than we wait."""


class LeaseLost(CatalogError):
    """A batch of an ingest was given to another worker meanwhile; nothing of it was changed."""


class CatalogUnreachable(CatalogError):
    """The database server does not answer, or ended the connection: trying again later may help."""


class StoreError(FilmroomError):
    """The object store cannot do what was asked."""


class ObjectMissing(StoreError):
    """An object that the catalogue knows is not in the store."""


class ObjectExists(StoreError):
    """An object of that key is already there; objects are never overwritten."""


class ObjectChanged(StoreError):
    """An object's size or content is not what it was when it was catalogued."""


class StoreFull(StoreError):
    """No space is left for the object."""


class StoreUnavailable(StoreError):
    """The store did not answer, or asked for patience, for longer than we wait: trying again may help."""


class ProviderUnavailable(FilmroomError):
    """The institute's OpenID Connect provider does not answer, or not as it should: try again later."""


class ArchiveInUse(FilmroomError):
    """Another process holds the port or the folder that this one needs."""


class NotOffline(FilmroomError):
    """A snapshot of a server cannot answer this: only the server can."""


class MissingExtra(FilmroomError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the extra '{extra}'.", advice=f"Install it: pip install 'filmroom[{extra}]'"
        )
        self.extra = extra


class TransferError(FilmroomError):
    """Something between client and server failed."""


class ServerUnreachable(TransferError):
    """No connection, or it broke before an answer."""


class ServerError(TransferError):
    """The server answered with an error status; ``status`` is the HTTP status code."""

    def __init__(self, message: str, *, status: int, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.status = status


class BadAnswer(TransferError):
    """The server's answer breaks the protocol it speaks."""


class IncompleteTransfer(TransferError):
    """Fewer bytes or files arrived than were promised."""


class DigestMismatch(TransferError):
    """Bytes arrived that are not the bytes that were promised."""


class VerificationFailed(FilmroomError):
    """Files on disk are missing or damaged."""
