"""DICOM tags of one object, read from the stored bytes as far as its header goes."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

from filmroom.dicom.tag_list import TagRow
from filmroom.errors import NotFound, ObjectMissing
from filmroom.model.entities import StoredInstance
from filmroom.model.queries import FindOneInstance
from filmroom.server.nbia.bulk import internal_number
from filmroom.server.service import Call, Service
from filmroom.upkeep.stored_tags import stored_tags


def _query(call: Call) -> FindOneInstance | None:
    """Return the question for the object; None when it names none that there can be."""
    if "SeriesUID" in call.operation.parameter_names:
        return FindOneInstance(series_instance_uid=call.params["SeriesUID"])
    number = internal_number(call.params["imageID"])
    return None if number is None else FindOneInstance(instance_id=number)


def _instance(service: Service, call: Call) -> StoredInstance:
    """:raises NotFound: when there is none that the viewer may see."""
    query = _query(call)
    page = None if query is None else next(service.catalog.rows(query, call.visible), None)
    if page is None:
        raise NotFound("There is no such object.")
    [row] = page
    return service.catalog.instance(row["series_instance_uid"], row["sop_instance_uid"], call.visible)


def _rows(service: Service, stored: StoredInstance) -> list[TagRow] | None:
    """Return the rows, None when the file is gone."""
    try:
        return stored_tags(service.reader, stored)
    except ObjectMissing:
        return None


async def tags(service: Service, call: Call) -> Response:
    """``getDicomTags``, ``getDicomTagsByImageID``: rows of element, name and data."""
    try:
        rows = await service.in_thread(lambda: _rows(service, _instance(service, call)))
    except NotFound:
        if call.operation.denied_text:
            text = call.operation.denied_text.format(uid=call.params["SeriesUID"])
            return Response(text, 400, media_type="application/json")
        return PlainTextResponse("image not found", 404)
    if rows is None:
        return Response()
    return JSONResponse([row._asdict() for row in rows])
