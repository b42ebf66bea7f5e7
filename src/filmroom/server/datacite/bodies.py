"""The JSON body of a request: unpacked, bounded, decoded."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
from starlette.requests import Request

from filmroom.errors import InvalidInput, RequestTooLarge

LARGEST_BODY = 10 * 1024 * 1024
"""Bytes of a body, as it travels and unpacked."""

# No others, and not none: a page of another site can have a browser send those with the password it knows.
_JSON_TYPES = {"application/vnd.api+json", "application/json"}
# Window bits of zlib: with a gzip header, with a zlib header.
_PACKINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def json_body(request: Request) -> Any:
    """Return what the body of a request says; None when it is empty or says that it is something else.

    :raises RequestTooLarge: :raises InvalidInput: when it cannot be unpacked or is not JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _unpacked(request)
    if kind not in _JSON_TYPES or not body.strip():
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(str(error)) from None


async def _unpacked(request: Request) -> bytes:
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {*_PACKINGS, "identity"}:
        raise InvalidInput(f"The content encoding {packing[:40]!r} is not recognized.")
    unpacker = zlib.decompressobj(_PACKINGS[packing]) if packing in _PACKINGS else None
    received, body = 0, bytearray()
    async for piece in request.stream():
        received += len(piece)
        _refuse_large(received)
        body += piece if unpacker is None else _unpack(unpacker, piece, LARGEST_BODY + 1 - len(body))
        _refuse_large(len(body))
    if unpacker is not None and received and not unpacker.eof:
        raise InvalidInput("The body ends before its compressed data do.")
    return bytes(body)


def _unpack(unpacker: zlib._Decompress, piece: bytes, at_most: int) -> bytes:
    try:
        return unpacker.decompress(piece, at_most)
    except zlib.error:
        raise InvalidInput("The body cannot be unpacked.") from None


def _refuse_large(size: int) -> None:
    if size > LARGEST_BODY:
        raise RequestTooLarge(f"A body has at most {LARGEST_BODY >> 20} MB.")
