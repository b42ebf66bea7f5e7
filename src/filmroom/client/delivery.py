"""How a server is asked for bytes: the archive of a series, and a single object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filmroom.client.sources.archive import SeriesRequest
from filmroom.wire.operations import Operation, find_operation


def archive_request(api: str, series_instance_uid: str) -> SeriesRequest:
    """Return how the archive of a series is asked for: with licence and MD5 in v4, with MD5 before."""
    wanted: dict[str, Any] = {"series_instance_uid": series_instance_uid}
    if api != "v4":
        return _request(find_operation(api, "getImageWithMD5Hash"), wanted)
    return _request(find_operation(api, "getImage"), wanted | {"new_file_names": True, "include_md5": True})


def instance_request(api: str, series_instance_uid: str, sop_instance_uid: str) -> SeriesRequest:
    """Return how one object is asked for."""
    wanted = {"series_instance_uid": series_instance_uid, "sop_instance_uid": sop_instance_uid}
    return _request(find_operation(api, "getSingleImage"), wanted)


def _request(operation: Operation, wanted: Mapping[str, Any]) -> SeriesRequest:
    params = {
        parameter.name: parameter.kind.form.write(wanted[parameter.field])
        for parameter in operation.parameters
    }
    return SeriesRequest(operation.path, params)
