"""Providers, repositories (clients) and prefixes as resources."""

from __future__ import annotations

from collections.abc import Sequence

from filmroom.model.doi_directory import Client, DoiDirectory, Provider
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


def provider_resource(provider: Provider, directory: DoiDirectory) -> Json:
    """Return a provider as a resource object."""
    owned = [each for each in directory.clients.values() if each.provider == provider.symbol]
    prefixes = dict.fromkeys(prefix for each in owned for prefix in each.prefixes)
    return {
        "id": provider.symbol,
        "type": "providers",
        "attributes": {
            "name": provider.name,
            "displayName": provider.name,
            "symbol": provider.symbol.upper(),
            "website": None,
            "description": None,
            "region": provider.region,
            "country": provider.country,
            "logoUrl": None,
            "memberType": "direct_member",
            "organizationType": None,
            "focusArea": None,
            "nonProfitStatus": provider.non_profit,
            "isActive": True,
            "joined": None,
            "rorId": provider.ror,
            "created": time_text(provider.created),
            "updated": time_text(provider.updated),
            "doiEstimate": 0,
        },
        "relationships": {
            "clients": {"data": [{"id": each.symbol, "type": "clients"} for each in owned]},
            "prefixes": {"data": [{"id": each, "type": "prefixes"} for each in prefixes]},
        },
    }


def prefix_resource(prefix: str, owners: Sequence[Client]) -> Json:
    """Return a prefix as a resource object. :param owners: the repositories that have it."""
    moments = [moment for each in owners if (moment := each.prefixes[prefix]) is not None]
    providers = dict.fromkeys(each.provider for each in owners)
    return {
        "id": prefix,
        "type": "prefixes",
        "attributes": {"prefix": prefix, "createdAt": time_text(min(moments, default=None))},
        "relationships": {
            "clients": {"data": [{"id": each.symbol, "type": "clients"} for each in owners]},
            "providers": {"data": [{"id": each, "type": "providers"} for each in providers]},
            "clientPrefixes": {"data": []},
            "providerPrefixes": {"data": []},
        },
    }
