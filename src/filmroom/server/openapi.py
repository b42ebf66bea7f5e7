"""The OpenAPI 3.1 document of the API, made from the rows that serve it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filmroom import __version__
from filmroom.server.openapi_login import login_paths
from filmroom.wire.cells import CellType
from filmroom.wire.operation import HTML, JPEG, JSON, MANIFEST, TABLE, TEXT, Action, Operation
from filmroom.wire.parameters import Parameter, ParameterKind
from filmroom.wire.views import Column, View

_JSON_TYPES = {
    CellType.INTEGER: "integer",
    CellType.CONSTANT: "integer",
    CellType.DECIMAL: "number",
    CellType.DOUBLE: "number",
    CellType.BOOLEAN: "boolean",
    CellType.EPOCH: "integer",
}
_UNVERSIONED = "unversioned"
_TEXTS = frozenset({TEXT, HTML, MANIFEST})
_TABLE_MEDIA = ("application/json", "text/csv", "application/xml", "text/html")
_OTHER_ANSWERS: dict[Action, dict[str, str]] = {
    "agreement": {"404": "There is none."},
    "tags": {"404": "There is no such object, or it may not be seen."},
    "servlet": {
        "403": "The series is unknown or may not be had.",
        "429": "Too many passwords were wrong.",
        "460": "A series of the list may not be had without a login.",
        "461": "The password is wrong.",
        "462": "A series of the list is unknown or may not be had.",
    },
}
"""What some operations answer beside what all do, by status."""
_OTHER_MEDIA: dict[Action, tuple[str, ...]] = {
    "simple_search_restrictions": ("application/text", MANIFEST),
    "text_search_restrictions": ("application/text", MANIFEST),
}
"""Content types of texts that go by another name."""


def _property(column: Column, *, nullable: bool) -> dict[str, Any]:
    if column.items is not None:
        return {"$ref": f"#/components/schemas/{column.items.name}"}
    kind = _JSON_TYPES.get(column.type, "string")
    schema: dict[str, Any] = {"type": [kind, "null"] if nullable else kind}
    if column.doc:
        schema["description"] = column.doc
    if column.type.value.startswith(("yyyy", "MM-", "EEE")):
        schema["description"] = f"{column.doc} as {column.type.value}".strip()
    if column.type is CellType.CONSTANT:
        schema = schema | {"type": "string" if isinstance(column.default, str) else "integer"}
        schema["const"] = column.default
    return schema


def _view_schema(view: View) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "description": "Keys without a value are null."
            if view.nulls
            else "Keys without a value are left out.",
            "properties": {column.name: _property(column, nullable=view.nulls) for column in view.columns},
        },
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.kind is ParameterKind.FORMAT:
        schema["enum"] = ["json", "csv", "csvquoted", "csv-download", "xml", "html"]
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {"type": "array", "items": schema} if parameter.repeated else schema


def _meaning(parameter: Parameter) -> str:
    return "; ".join(text for text in (parameter.help, parameter.kind.form.help) if text)


def _form(operation: Operation) -> dict[str, Any]:
    needed = [parameter.name for parameter in operation.parameters if parameter.required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            parameter.name: {**_schema(parameter), "description": _meaning(parameter)}
            for parameter in operation.parameters
        },
    }
    if needed:
        schema["required"] = needed
    return {"required": bool(needed), "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": _meaning(parameter),
        "schema": _schema(parameter),
    }


def _text_answer(description: str, *media: str) -> dict[str, Any]:
    return {"description": description, "content": {each: {"schema": {"type": "string"}} for each in media}}


def _table_media(operation: Operation) -> tuple[str, ...]:
    if "format" in operation.parameter_names:
        single = operation.view is not None and operation.view.single
        return (*_TABLE_MEDIA, "application/force-download") if single else _TABLE_MEDIA
    return ("text/csv",) if operation.attached_csv else ("application/json",)


def _answers(operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    if operation.media == TABLE and operation.view is not None:
        reference = {"$ref": f"#/components/schemas/{operation.view.name}"}
        content = {
            media: {"schema": reference if media == "application/json" else {"type": "string"}}
            for media in _table_media(operation)
        }
        answers["200"] = {
            "description": "Rows; zero bytes without a content type when there are none."
            if operation.no_rows != "list"
            else "Rows.",
            "content": content,
        }
    elif operation.media in _TEXTS:
        media = _OTHER_MEDIA.get(operation.action, (operation.media,))
        answers["200"] = _text_answer("Text; zero bytes when there is none.", *media)
    elif operation.media == JSON:
        answers["200"] = {"description": "JSON.", "content": {JSON: {"schema": {}}}}
    elif operation.media == JPEG:
        answers["200"] = {"description": "The picture, or what else was asked for.", "content": {JPEG: {}}}
        answers["304"] = {"description": "The entity tag is still the same."}
        answers["404"] = _text_answer("There is no such object, or it has no picture.", TEXT)
        answers["501"] = _text_answer("The server has not what draws pictures.", TEXT)
    else:
        answers["200"] = {
            "description": "The bytes; a single Range is honoured.",
            "content": {operation.media: {}},
        }
        answers["206"] = {"description": "The range that was asked for.", "content": {operation.media: {}}}
        answers["304"] = {"description": "The entity tag is still the same."}
        answers["416"] = {"description": "The range lies outside."}
    if operation.no_rows == "no_content":
        answers["204"] = {"description": "There is no such series, or it may not be seen."}
    for status, description in _OTHER_ANSWERS.get(operation.action, {}).items():
        answers[status] = _text_answer(description, TEXT)
    answers["400"] = _text_answer(
        "A parameter is missing or wrong, or the images may not be had. Plain text, whatever the type says.",
        JSON,
        TEXT,
    )
    if operation.auth != "public":
        answers["401"] = _text_answer("The login is missing or not valid.", JSON, TEXT)
    answers["500"] = _text_answer("The server failed.", TEXT)
    answers["503"] = _text_answer("Catalogue or store cannot be reached at present; see Retry-After.", TEXT)
    return answers


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{operation.version or _UNVERSIONED}_{operation.name.replace('/', '_')}",
        "summary": operation.summary,
        "tags": [operation.version or _UNVERSIONED],
        "parameters": [],
        "responses": _answers(operation),
    }
    if operation.method == "POST":
        described["requestBody"] = _form(operation)
        described["responses"]["413"] = {"description": "The form is larger than 2 MiB."}
    else:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.notes:
        described["description"] = operation.notes
    if operation.successor is not None:
        described["deprecated"] = True
    if operation.auth != "public":
        described["security"] = [{"bearer": []}] if operation.auth == "required" else [{}, {"bearer": []}]
    return described


def operation_schema(operation: Operation) -> dict[str, Any]:
    """Return the parameters of one operation and the columns of its rows, as the document has them."""
    schema: dict[str, Any] = {
        "name": operation.name,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
    }
    if operation.view is not None:
        schema["schema"] = _view_schema(operation.view)
    return schema


def openapi_document(operations: Iterable[Operation], public_url: str = "") -> dict[str, Any]:
    """Return the document as plain data. :param public_url: the server's address, where it is known."""
    operations = tuple(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    views = {operation.view.name: operation.view for operation in operations if operation.view is not None}
    paths |= login_paths()
    within = [column.items for view in views.values() for column in view.columns if column.items is not None]
    views |= {view.name: view for view in within}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Filmroom",
            "version": __version__,
            "summary": "An archive for cancer images that speaks NBIA.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url or "/"}],
        "tags": [
            {"name": "v1", "description": "Public data; unknown parameters are ignored."},
            {"name": "v2", "description": "As v1, for whoever has a token; `Bearer undefined` is the guest."},
            {"name": _UNVERSIONED, "description": "The Advanced API for whoever has a token."},
            {"name": "v4", "description": "Current version; unknown parameters are refused."},
            {"name": "login", "description": "Tokens, and the end of a login."},
            {"name": "legacy", "description": "What TCIA ended on 22 June 2022; names in any case."},
        ],
        "paths": paths,
        "components": {
            "schemas": {name: _view_schema(view) for name, view in views.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }
    return document
