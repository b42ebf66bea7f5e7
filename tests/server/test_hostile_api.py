"""Every operation asked at random, after its own document: nothing fails, and answers are as documented."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from filmroom.server.openapi import openapi_document
from filmroom.wire.operations import OPERATIONS

EXAMPLES = 6  # of each operation on either engine; always the same ones

PATHS = {operation.path for operation in OPERATIONS}

schema = schemathesis.openapi.from_dict(openapi_document(OPERATIONS))


@pytest.fixture(scope="session")
def session() -> Any:
    with requests.Session() as session:
        yield session


def has_documented_type(_context: Any, response: Any, case: Any) -> bool:
    """The content type is one of those of the status; zero bytes have none."""
    if not response.content:
        return True
    documented = case.operation.definition.raw["responses"][str(response.status_code)].get("content", {})
    [given, *_] = response.headers["content-type"][0].split(";")
    assert given in documented, f"{response.status_code} {given} is not among {sorted(documented)}"
    return True


def rows_fit(context: Any, response: Any, case: Any) -> bool | None:
    """Rows are as the schema says; refusals are text under the name of JSON."""
    return (
        response_schema_conformance(context, response, case)
        if response.status_code == 200 and response.content
        else None
    )


@schema.parametrize()
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
def test_nothing_that_is_asked_fails(case: Any, live: Any, session: requests.Session) -> None:
    # The operation that ends a login is not given one that others need.
    token = live.tokens["grantee"] if case.path in PATHS else "of nobody"
    response = case.call(base_url=live.url, session=session, headers={"Authorization": f"Bearer {token}"})
    case.validate_response(
        response, checks=[not_a_server_error, status_code_conformance, has_documented_type, rows_fit]
    )
