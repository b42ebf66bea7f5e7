"""What the server says of itself, and files that belong to no series."""

from __future__ import annotations

from filmroom.wire.operation import HTML, TEXT, ZIP, Operation

_OCTETS = ZIP

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
