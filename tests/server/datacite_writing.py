"""A server with repositories that write DOIs, and how tests ask its DataCite API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from filmroom.catalog import Catalog
from filmroom.model.accounts import TokenLifetimes
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server

PASSWORD = "correct horse battery"
ORCID = "https://orcid.org/0000-0002-1825-0097"

COMPLETE: dict[str, Any] = {
    "url": "https://archive.example.org/collection/demo/",
    "creators": [
        {
            "name": "Doe, Jane",
            "nameType": "Personal",
            "givenName": "Jane",
            "familyName": "Doe",
            "nameIdentifiers": [
                {"nameIdentifier": ORCID, "nameIdentifierScheme": "ORCID", "schemeUri": "https://orcid.org"}
            ],
            "affiliation": [
                {
                    "name": "University of Somewhere",
                    "affiliationIdentifier": "https://ror.org/04wxnsj81",
                    "affiliationIdentifierScheme": "ROR",
                }
            ],
        },
        {"name": "Imaging Consortium", "nameType": "Organizational"},
    ],
    "titles": [{"title": "CT of phantoms (Demo)"}],
    "publisher": {"name": "Demo Archive"},
    "publicationYear": 2026,
    "types": {"resourceTypeGeneral": "Dataset", "resourceType": "DICOM"},
}
"""Metadata that may be published."""

Reply = tuple[int, Any, dict[str, str]]


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@dataclass(frozen=True)
class Writers:
    """A server, and what its callers show: by name the Authorization header."""

    url: str
    fetch: Callable[..., Any]
    catalog: Catalog
    proofs: dict[str, str]

    def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "demo", **headers: str
    ) -> Reply:
        """Send a request; return status, decoded body and headers."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if content is not None:
            headers.setdefault("content_type", "application/vnd.api+json")
        if who is not None:
            headers["authorization"] = self.proofs[who]
        answer = self.fetch(self.url, f"/datacite{path}", method, content, **headers)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(answer.body) if is_json and answer.body else None, answer.headers

    def write(self, method: str, path: str, who: str | None = "demo", **attributes: Any) -> Reply:
        """Send attributes as a JSON:API document."""
        return self.ask(method, path, {"data": {"type": "dois", "attributes": attributes}}, who)

    def made(self, who: str = "demo", **attributes: Any) -> dict[str, Any]:
        """Make a record under 10.5072 and return its attributes."""
        status, body, _ = self.write("POST", "/dois", who, **{"prefix": "10.5072", **attributes})
        assert status == 201, body
        return dict(body["data"]["attributes"])


@contextmanager
def writers(address: ArchiveAddress, fetch: Callable[..., Any]) -> Iterator[Writers]:
    """Serve an archive with repositories: demo, which writes 10.5072 and 10.12345; other, which writes
    10.5072 and 10.54321 and has pages at *.other.org; closed, which is switched off. ``admin`` writes for all
    of them, ``alice`` for demo, ``bob`` for none.
    """
    with Catalog.create(address.database_url) as catalog:
        repositories, accounts = catalog.doi_repositories(), catalog.accounts()
        repositories.add("DEMO.ARCHIVE", "Demo", prefixes=["10.5072", "10.12345"], password=PASSWORD)
        repositories.add(
            "demo.other",
            "Other",
            prefixes=["10.5072", "10.54321"],
            domains=["*.other.org"],
            password=PASSWORD,
        )
        repositories.add("demo.closed", "Closed", prefixes=["10.99999"], password=PASSWORD)
        repositories.change("demo.closed", active=False)
        for login in ("admin", "alice", "bob"):
            accounts.add(login, PASSWORD)
        repositories.set_writer("admin", None, writer=True)
        repositories.set_writer("alice", "demo.archive", writer=True)
        token = catalog.tokens().log_in("alice", PASSWORD, TokenLifetimes()).access
        proofs = {
            "demo": basic("Demo.Archive"),
            "other": basic("demo.other"),
            "closed": basic("DEMO.CLOSED"),
            "admin": basic("admin"),
            "alice": f"Bearer {token}",
            "bob": basic("bob"),
            "wrong": basic("demo.archive", "wrong horse battery"),
        }
        with running_server(address) as url:
            yield Writers(url, fetch, catalog, proofs)
