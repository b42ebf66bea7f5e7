"""A small Gen3 data commons on a real socket: keys, tokens, DRS objects, signed addresses.

It follows what Gen3 documents of Fence and Indexd: ``POST /user/credentials/cdis/access_token``, objects of
GA4GH DRS below ``/ga4gh/drs/v1/objects``, bytes from a storage of its own at addresses that are signed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


@dataclass
class Held:
    """An object: its file, the name that is told, the checksums that are told (all of them by default)."""

    path: Path
    name: str
    checksums: dict[str, str]
    permitted: bool = True


@dataclass
class DataCommons:
    """What the service has and does.

    :ivar url: where it is. :ivar asked: method and path of every request, without queries.
    :ivar storage: where signed addresses point to; the service itself, or a relay before it.
    :ivar token_seconds: for how long a token says it is valid.
    :ivar keys_elsewhere: a service to which keys are redirected.
    """

    folder: Path
    url: str = ""
    storage: str = ""
    token_seconds: int = 1200
    keys_elsewhere: str = ""
    objects: dict[str, Held] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set, repr=False)
    _tokens: set[str] = field(default_factory=set, repr=False)
    _signatures: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, identifier: str, name: str, content: bytes, *, permitted: bool = True) -> str:
        """Hold an object; return its address."""
        path = self.folder / hashlib.sha256(identifier.encode()).hexdigest()
        path.write_bytes(content)
        sums = {
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "sha-256": hashlib.sha256(content).hexdigest(),
        }
        self.objects[identifier] = Held(path, name, sums, permitted)
        return f"drs://{self.url.removeprefix('http://')}/{identifier}"

    def key_file(self, path: Path) -> Path:
        """Write a new API key as ``credentials.json`` and return the file's path."""
        key = _web_token(iss=f"{self.url}/user", aud=["fence"], kind="api_key")
        self._keys.add(key)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"api_key": key, "key_id": secrets.token_hex(8)}))
        return path

    def revoke_keys(self) -> None:
        """Accept no key any more."""
        self._keys.clear()

    def end_tokens(self) -> None:
        """Accept none of the tokens any more, before their time."""
        self._tokens.clear()

    def end_signatures(self) -> None:
        """Accept none of the signed addresses any more."""
        self._signatures.clear()

    def count(self, beginning: str) -> int:
        """Return how many requests went to paths that begin so."""
        return sum(path.startswith(beginning) for _, path in self.asked)

    # endpoints --------------------------------------------------------------------------------------
    async def grant(self, request: Request) -> Response:
        """Exchange a key for a token."""
        from starlette.responses import JSONResponse, RedirectResponse

        self._note(request)
        if self.keys_elsewhere:
            return RedirectResponse(f"{self.keys_elsewhere}{request.url.path}", 307)
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            given = dict(parse_qsl((await request.body()).decode())).get("api_key", "")
        else:
            given = str((await request.json()).get("api_key", ""))
        if given not in self._keys:
            return JSONResponse({"message": "Not a valid API key"}, 401)
        token = _web_token(iss=f"{self.url}/user", exp=time.time() + self.token_seconds)
        self._tokens.add(token)
        return JSONResponse({"access_token": token})

    async def describe(self, request: Request) -> Response:
        """Tell of an object."""
        from starlette.responses import JSONResponse

        self._note(request)
        held = self.objects.get(request.path_params["identifier"])
        if held is None:
            return JSONResponse({"msg": "no such object", "status_code": 404}, 404)
        identifier = request.path_params["identifier"]
        return JSONResponse(
            {
                "id": identifier,
                "name": held.name,
                "size": held.path.stat().st_size,
                "checksums": [{"type": kind, "checksum": value} for kind, value in held.checksums.items()],
                "self_uri": f"drs://{self.url.removeprefix('http://')}/{identifier}",
                "access_methods": [
                    {
                        "type": "s3",
                        "access_id": "s3",
                        "access_url": {"url": f"s3://controlled/{identifier}/{held.name}"},
                        "region": "us-east-1",
                    }
                ],
            }
        )

    async def sign(self, request: Request) -> Response:
        """Give the address of an object's bytes, to whom it is permitted."""
        from starlette.responses import JSONResponse

        self._note(request)
        held = self.objects.get(request.path_params["identifier"])
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            return JSONResponse({"msg": "Token is not valid"}, 401)
        if held is None:
            return JSONResponse({"msg": "no such object"}, 404)
        if not held.permitted:
            return JSONResponse({"msg": "You don't have access permission on this file"}, 403)
        signature = secrets.token_hex(16)
        self._signatures[signature] = request.path_params["identifier"]
        return JSONResponse(
            {"url": f"{self.storage or self.url}/storage/{held.name}?X-Amz-Signature={signature}"}
        )

    async def give(self, request: Request) -> Response:
        """Send the bytes that a signature stands for."""
        from starlette.responses import FileResponse, PlainTextResponse

        self._note(request)
        identifier = self._signatures.get(request.query_params.get("X-Amz-Signature", ""))
        if identifier is None or request.headers.get("authorization"):
            return PlainTextResponse("<Error><Code>AccessDenied</Code></Error>", 403)
        return FileResponse(self.objects[identifier].path)

    def _note(self, request: Request) -> None:
        self.asked.append((request.method, request.url.path))

    def app(self) -> Starlette:
        """Return the service as an application."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        objects = "/ga4gh/drs/v1/objects/{identifier:path}"
        return Starlette(
            routes=[
                Route("/user/credentials/cdis/access_token", self.grant, methods=["POST"]),
                Route(f"{objects}/access/{{access_id}}", self.sign),
                Route(objects, self.describe),
                Route("/storage/{name:path}", self.give),
            ]
        )


def _web_token(**claims: Any) -> str:
    """Return a text with the shape of a JSON Web Token; this service knows its own by heart."""

    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{secrets.token_urlsafe(24)}"


@contextlib.contextmanager
def running_app(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port of this machine and give its URL."""
    import uvicorn

    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"  # connections wait until it accepts
    finally:
        server.should_exit = True
        thread.join(30)
        bound.close()


@contextlib.contextmanager
def running_gen3(folder: Path) -> Iterator[DataCommons]:
    """Start a data commons without objects that keeps its files in a folder."""
    commons = DataCommons(folder)
    with running_app(commons.app()) as url:
        commons.url = url
        yield commons
