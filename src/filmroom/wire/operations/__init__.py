"""The operations of the API: one row each, read by the server, the client and the documentation.

One module per group; the versions of a group are one table and the functions that make the others from it.
"""

from __future__ import annotations

from filmroom.wire.operation import ROOTS, Operation, build_query, encode_params, read_parameters
from filmroom.wire.operations.advanced import ADVANCED_OPERATIONS
from filmroom.wire.operations.agreements import AGREEMENT_OPERATIONS
from filmroom.wire.operations.drill_down import DRILL_DOWN_OPERATIONS
from filmroom.wire.operations.legacy import LEGACY_OPERATIONS
from filmroom.wire.operations.lists import LIST_OPERATIONS
from filmroom.wire.operations.rendering import RENDERING_OPERATIONS
from filmroom.wire.operations.review import REVIEW_OPERATIONS
from filmroom.wire.operations.search import SEARCH_OPERATIONS
from filmroom.wire.operations.servlets import SERVLET_OPERATIONS
from filmroom.wire.operations.simple_search import SIMPLE_SEARCH_OPERATIONS
from filmroom.wire.operations.system import SYSTEM_OPERATIONS
from filmroom.wire.operations.text_search import TEXT_SEARCH_OPERATIONS

__all__ = [
    "OPERATIONS",
    "ROOTS",
    "Operation",
    "build_query",
    "encode_params",
    "find_operation",
    "read_parameters",
]

OPERATIONS: tuple[Operation, ...] = (
    *SEARCH_OPERATIONS,
    *ADVANCED_OPERATIONS,
    *LIST_OPERATIONS,
    *REVIEW_OPERATIONS,
    *RENDERING_OPERATIONS,
    *DRILL_DOWN_OPERATIONS,
    *SIMPLE_SEARCH_OPERATIONS,
    *TEXT_SEARCH_OPERATIONS,
    *AGREEMENT_OPERATIONS,
    *SERVLET_OPERATIONS,
    *SYSTEM_OPERATIONS,
    *LEGACY_OPERATIONS,
)

_BY_KEY = {(operation.version, operation.name): operation for operation in OPERATIONS}


def find_operation(version: str, name: str) -> Operation:
    """Return a row of the table. :raises KeyError: when there is none."""
    return _BY_KEY[version, name]  # type: ignore[index]
