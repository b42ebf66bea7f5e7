"""Providers, repositories (clients) and prefixes as resources."""

from __future__ import annotations

from filmroom.model.doi_directory import Client
from filmroom.server.datacite.documents import Json, time_text


def client_resource(client: Client, kind: str = "clients") -> Json:
    """Return a repository as a resource object.

    :param kind: ``clients``, or ``repositories`` with a few attributes more.
    """
    attributes: Json = {
        "name": client.name,
        "symbol": client.symbol.upper(),
        "year": client.created.year if client.created is not None else None,
        "alternateName": client.alternate_name,
        "description": None,
        "language": [],
        "clientType": "repository",
        "domains": client.domains,
        "re3data": None,
        "opendoar": None,
        "issn": {},
        "url": client.url,
        "created": time_text(client.created),
        "updated": time_text(client.updated),
        "isActive": client.active,
    }
    if kind == "repositories":
        attributes |= {"repositoryType": [], "certificate": [], "software": None}
    return {
        "id": client.symbol,
        "type": kind,
        "attributes": attributes,
        "relationships": {
            "provider": {"data": {"id": client.provider, "type": "providers"}},
            "prefixes": {"data": [{"id": each, "type": "prefixes"} for each in client.prefixes]},
        },
    }
