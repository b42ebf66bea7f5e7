"""The part of the OpenAPI document that is no operation: tokens and the end of a login."""

from __future__ import annotations

from typing import Any

from filmroom.wire.login import LOGOUT_PATHS, TOKEN_ANSWER, TOKEN_FIELDS, TOKEN_PATHS

_JSON = "application/json"


def _token(path: str, number: int) -> dict[str, Any]:
    needed = [field.name for field in TOKEN_FIELDS if field.required]
    fields = {field.name: {"type": "string", "description": field.help} for field in TOKEN_FIELDS}
    form = {"type": "object", "properties": fields, "required": needed}
    error = {"type": "object", "properties": {"error": {"type": "string"}}}
    answer = {name: {"type": kind} for name, kind in TOKEN_ANSWER.items()}
    described: dict[str, Any] = {
        "operationId": f"token_{number}",
        "summary": "Issue tokens",
        "tags": ["login"],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": {
                "description": "Tokens; times are seconds.",
                "content": {_JSON: {"schema": {"type": "object", "properties": answer}}},
            },
            **{
                status: {"description": text, "content": {_JSON: {"schema": error}}}
                for status, text in (
                    ("400", "The form cannot be used."),
                    ("401", "The login is refused."),
                    ("413", "The form is too large."),
                    ("429", "Too many attempts failed; see Retry-After."),
                )
            },
        },
    }
    if "{realm}" in path:
        schema = {"type": "string"}
        described["parameters"] = [{"name": "realm", "in": "path", "required": True, "schema": schema}]
    return {"post": described}


def _logout(number: int) -> dict[str, Any]:
    return {
        "post": {
            "operationId": f"logout_{number}",
            "summary": "End the login that the token came of",
            "tags": ["login"],
            "security": [{"bearer": []}],
            "responses": {
                "200": {
                    "description": "It has ended.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                "401": {
                    "description": "There is no token, or it is not valid (any more).",
                    "content": {_JSON: {"schema": {"type": "object"}}},
                },
            },
        }
    }


def login_paths() -> dict[str, Any]:
    """Return the path items of the token and logout addresses."""
    return {
        **{path: _token(path, number) for number, path in enumerate(TOKEN_PATHS, 1)},
        **{path: _logout(number) for number, path in enumerate(LOGOUT_PATHS, 1)},
    }
