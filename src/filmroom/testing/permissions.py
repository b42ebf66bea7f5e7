"""Who is shown what: the table of operations, callers and series that a server has to keep.

The table follows from the rows of the operations and from what each kind of answer gives out. The tests
hold a server to it, and the reference shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from filmroom.model.access import Scope
from filmroom.wire.operation import Action, Operation


class Caller(Enum):
    """Who asks. The grants are on one restricted collection, ``Standing.GRANTED``."""

    ANONYMOUS = "no token"
    GUEST = "guest"
    EXPIRED = "expired token"
    STRANGER = "account without a grant"
    NEWCOMER = "grant, agreement not accepted"
    GRANTEE = "grant, agreement accepted"
    MEMBER = "grant by a group"
    ADMIN = "every role"


class Standing(Enum):
    """Which series is asked about."""

    PUBLIC = "public"
    DOWNLOADABLE = "public, visibility 12"
    UNREVIEWED = "public, visibility 0"
    GRANTED = "restricted, with the grants"
    SEALED = "restricted, no grant of anybody"


class Answer(Enum):
    """What the caller gets. Unknown: the answer of a series that does not exist, to the byte."""

    SHOWN = "shown"
    UNKNOWN = "unknown"
    AGREEMENT = "400, accept the agreement"
    LOGIN = "401"
    NOTHING = "nothing of a series"


class Gives(Enum):
    """What a kind of answer gives out."""

    NO_SERIES = "nothing of any series"
    RECORDS = "what is recorded about series"
    WORDS = "what stands in their files, found by search"
    BYTES = "something of their files"


GIVES: Mapping[Action, Gives] = {
    "table": Gives.RECORDS,
    "bulk": Gives.RECORDS,
    "denied": Gives.RECORDS,
    "names": Gives.RECORDS,
    "tree": Gives.RECORDS,
    "time_points": Gives.RECORDS,
    "simple_search": Gives.RECORDS,
    "simple_search_manifest": Gives.RECORDS,
    "simple_search_restrictions": Gives.NO_SERIES,
    "text_search": Gives.WORDS,
    "text_search_page": Gives.WORDS,
    "text_search_manifest": Gives.WORDS,
    "text_search_restrictions": Gives.NO_SERIES,
    "manifest": Gives.RECORDS,
    "digest": Gives.RECORDS,
    "studies": Gives.RECORDS,
    "images": Gives.RECORDS,
    "make_list": Gives.RECORDS,
    "drop_list": Gives.RECORDS,
    "list": Gives.RECORDS,
    "list_contents": Gives.RECORDS,
    "agreements": Gives.RECORDS,
    "accept_agreement": Gives.RECORDS,
    "tags": Gives.BYTES,
    "series_zip": Gives.BYTES,
    "series_zip_with_digests": Gives.BYTES,
    "series_files_zip": Gives.BYTES,
    "instance": Gives.BYTES,
    "thumbnail": Gives.BYTES,
    "wado": Gives.BYTES,
    "servlet": Gives.BYTES,
    "servlet_version": Gives.NO_SERIES,
    "agreement": Gives.NO_SERIES,
    "sop_classes": Gives.NO_SERIES,
    "status": Gives.NO_SERIES,
    "host_name": Gives.NO_SERIES,
    "roles": Gives.NO_SERIES,
    "login_parameters": Gives.NO_SERIES,
    "columns": Gives.NO_SERIES,
}
"""Every kind of answer; one that is missing has no place in the table, and the tests fail."""

NOT_OF_ONE_SERIES = frozenset({"getLicenses"})
"""Operations that list what several series share, so that none of these can be told from it."""
OF_ACCOUNTS = frozenset({"make_list", "drop_list", "accept_agreement"})
"""What the guest cannot do."""
_NOBODY = frozenset({Caller.ANONYMOUS, Caller.GUEST, Caller.EXPIRED})
_WITH_GRANT = frozenset({Caller.NEWCOMER, Caller.GRANTEE, Caller.MEMBER, Caller.ADMIN})


def expected(operation: Operation, caller: Caller, standing: Standing) -> Answer:
    """Return what a caller gets who asks an operation about a series."""
    if _must_log_in(operation, caller):
        return Answer.LOGIN
    gives = GIVES[operation.action]
    if gives is Gives.NO_SERIES or operation.name in NOT_OF_ONE_SERIES:
        return Answer.NOTHING
    if operation.action == "agreements" and standing is not Standing.GRANTED:
        return Answer.NOTHING  # only what restricts a collection is about it
    if not _is_visible(operation, caller, standing):
        return Answer.UNKNOWN
    if standing is Standing.GRANTED and caller is Caller.NEWCOMER:
        return _BEFORE_AGREEING.get(gives, Answer.SHOWN)
    return Answer.SHOWN


# A search names no series that could be refused: what it would find is left out.
_BEFORE_AGREEING = {Gives.BYTES: Answer.AGREEMENT, Gives.WORDS: Answer.UNKNOWN}


def _must_log_in(operation: Operation, caller: Caller) -> bool:
    if caller is Caller.EXPIRED:
        return operation.auth != "public"
    if caller is Caller.ANONYMOUS and operation.auth == "required":
        return True
    return operation.action in OF_ACCOUNTS and caller in _NOBODY


def _is_visible(operation: Operation, caller: Caller, standing: Standing) -> bool:
    if standing is Standing.PUBLIC:
        return True
    if standing is Standing.DOWNLOADABLE:
        return operation.scope is Scope.RETRIEVE
    if standing is Standing.UNREVIEWED:
        return bool(operation.fixed.get("for_review")) and caller is Caller.ADMIN
    # The public's answers are the same for everybody; of denied series the public is asked about.
    for_all = operation.auth == "public" or operation.public_only or operation.action == "denied"
    return standing is Standing.GRANTED and caller in _WITH_GRANT and not for_all
