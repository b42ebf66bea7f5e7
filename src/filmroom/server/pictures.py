"""Pictures drawn on demand: in processes that may be killed, few at once, from files on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import tempfile
from collections.abc import Iterator
from dataclasses import astuple

import anyio
import anyio.to_process
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from filmroom.errors import MissingExtra, NoPicture
from filmroom.model.entities import StoredInstance
from filmroom.render.confined import draw
from filmroom.render.options import PictureOptions
from filmroom.server.logs import get_logger
from filmroom.server.service import Service
from filmroom.server.zip_response import choose_answer

_log = get_logger("filmroom.pictures")

_SECONDS = 30
_LARGEST_FILE = 512 * 1024 * 1024
"""Bytes of an object that has to be put into a file first: a remote one, or one that lies deflated."""
_MOST_WAITING = 256
"""Requests that wait for their turn to be drawn."""
_GENERATION = 1
"""Raised when pictures of the same objects come to look different."""
# What a viewer may see can change any time: a kept picture is asked about before it is shown again.
_KEPT = {"Cache-Control": "private, no-cache"}


async def picture_answer(
    service: Service, request: Request, instance: StoredInstance, options: PictureOptions
) -> Response:
    """Return the picture of an instance, or that the one which the client has is still right.

    :raises NoPicture: when there is none. :raises MissingExtra: when the extra is not installed.
    :raises StoreError: when the stored bytes cannot be had.
    """
    if any(importlib.util.find_spec(name) is None for name in ("numpy", "PIL")):
        raise MissingExtra("pixels", "A picture")
    headers = {"ETag": _entity_tag(instance, options), **_KEPT}
    if choose_answer("GET", request.headers, headers["ETag"], 1).status == 304:
        return Response(status_code=304, headers=headers)
    if service.drawing.statistics().tasks_waiting >= _MOST_WAITING:
        return PlainTextResponse("Too many pictures are asked for; try again.", 503, {"Retry-After": "2"})
    # Bounds files, processes and the memory of both.
    async with service.drawing:
        content = await _drawn(service, instance, options)
    return Response(content, media_type="image/jpeg", headers=headers)


async def _drawn(service: Service, instance: StoredInstance, options: PictureOptions) -> bytes:
    files = contextlib.ExitStack()
    try:
        path, offset = await service.in_thread(lambda: files.enter_context(_local_file(service, instance)))
        with anyio.fail_after(_SECONDS):
            return await anyio.to_process.run_sync(
                draw,
                path,
                offset,
                instance.size,
                options,
                cancellable=True,  # the process is killed
                limiter=anyio.CapacityLimiter(1),
            )
    except TimeoutError:
        _log.warning("picture given up", instance=instance.sop_instance_uid, reason="time")
        raise NoPicture("The image takes too long to be drawn.") from None
    except anyio.BrokenWorkerProcess:
        _log.warning("picture given up", instance=instance.sop_instance_uid, reason="process")
        raise NoPicture("The image cannot be decoded.") from None
    finally:
        with anyio.CancelScope(shield=True):
            await service.in_thread(files.close)


@contextlib.contextmanager
def _local_file(service: Service, instance: StoredInstance) -> Iterator[tuple[str, int]]:
    """Give path and offset of an instance's bytes, checked, in a file of this machine.

    :raises NoPicture: when it would have to be put there and is too large. :raises StoreError:
    """
    location = instance.location
    path = location.key if location.in_place else service.store.local_path(location.key)
    if path is not None and location.encoding == "identity":
        service.reader.open(instance).close()  # what has changed since it was catalogued is refused
        yield str(path), location.offset
        return
    if instance.size > _LARGEST_FILE:
        raise NoPicture(f"An object of more than {_LARGEST_FILE >> 20} MiB is not drawn from here.")
    with tempfile.NamedTemporaryFile(prefix="filmroom-picture-") as file:
        for piece in service.reader.decoded(instance):
            file.write(piece)
        file.flush()
        yield file.name, 0


def _entity_tag(instance: StoredInstance, options: PictureOptions) -> str:
    said = repr((_GENERATION, instance.sha256.hex(), astuple(options)))
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:40]}"'
