"""Records of DOIs, read from DataCite's API or from a Filmroom's own.

>>> from filmroom.client.datacite import Datacite
>>> datacite = Datacite()                                       # doctest: +SKIP
>>> datacite.record("10.7937/s17z-r072").record.title           # doctest: +SKIP
"""

from __future__ import annotations

from filmroom.client.datacite.listing import Listing
from filmroom.client.datacite.relations import Relation, RelationGraph
from filmroom.client.datacite.service import Datacite
from filmroom.client.datacite.stored import StoredRecord, StoredRecords

__all__ = ["Datacite", "Listing", "Relation", "RelationGraph", "StoredRecord", "StoredRecords"]
