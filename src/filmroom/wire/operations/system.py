"""What the server says of itself, and files that belong to no series."""

from __future__ import annotations

from filmroom.wire.operation import HTML, JSON, TEXT, ZIP, Operation
from filmroom.wire.operations.parameters import FORMAT
from filmroom.wire.views import Column, View

_OCTETS = ZIP

LOGIN_PARAMETERS = View("login-parameters", (Column("paramName", "name"), Column("paramValue", "value")))

SYSTEM_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "getUserAgreementTxt",
        "v1",
        (),
        "The site's user agreement",
        action="agreement",
        media=_OCTETS,
        notes="404 where none is set.",
    ),
    Operation(
        "getAllSOPClassDefinition",
        "v1",
        (),
        "UID and name of every SOP class, as a Java properties file",
        action="sop_classes",
        media=_OCTETS,
    ),
    Operation(
        "getRoles",
        "",
        (),
        "Roles that the caller holds anywhere",
        action="roles",
        media=JSON,
        auth="required",
    ),
    Operation(
        "getKeycloakParams",
        "v1",
        (FORMAT,),
        "Where clients log in",
        action="login_parameters",
        view=LOGIN_PARAMETERS,
        notes="In the names of a Keycloak client's configuration. Never a login or a password.",
    ),
    Operation("up", "", (), "That the server runs", action="status", fixed={"kind": "up"}, media=TEXT),
    Operation("status", "v1", (), "That the server runs", action="status", fixed={"kind": ""}, media=HTML),
    Operation(
        "status/version",
        "v1",
        (),
        "The version that clients know",
        action="status",
        fixed={"kind": "version"},
        media=HTML,
    ),
    Operation(
        "status/database",
        "v1",
        (),
        "That the catalogue answers",
        action="status",
        fixed={"kind": "database"},
        media=HTML,
    ),
    Operation(
        "hostName",
        "",
        (),
        "The name under which the caller reached this server",
        action="host_name",
        media=TEXT,
    ),
)
