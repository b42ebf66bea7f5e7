"""Published datasets with what an author may write, for tests: markup, states, relations, facts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from filmroom.model.datasets import DatasetDownload, DatasetFacts, DatasetKind
from filmroom.model.doi_metadata import complete
from filmroom.model.dois import DoiRecord, DoiState

if TYPE_CHECKING:
    from filmroom.catalog import Catalog

KIND = "TCIA Short Name"
HOSTILE = '<p>A <b>bold</b> &lt; claim</p><script>alert(1)</script><a href="javascript:x()">y</a>'
OPEN, CLOSED, ANALYSIS = "10.5072/open", "10.5072/closed", "10.5072/analysis"


def dataset_record(doi: str, name: str | None, state: DoiState = DoiState.FINDABLE, **more: Any) -> DoiRecord:
    """Return an imported record; ``more`` are attributes in place of the usual ones."""
    attributes: dict[str, Any] = {
        "identifiers": [{"identifier": name, "identifierType": KIND}] if name else [],
        "creators": [{"name": "Doe, Jane", "givenName": "Jane", "familyName": "Doe"}],
        "titles": [{"title": f"About {name} & <more>"}],
        "publisher": {"name": "Archive"},
        "publicationYear": 2026,
        "version": "3",
        "types": {"resourceTypeGeneral": "Dataset"},
        "rightsList": [
            {"rights": "Creative Commons Attribution 4.0 International", "rightsIdentifier": "cc-by-4.0"}
        ],
        "descriptions": [{"description": HOSTILE, "descriptionType": "Abstract"}],
        **more,
    }
    moment = dt.datetime(2026, 1, 2)  # noqa: DTZ001 - times of records are naive UTC
    return DoiRecord(
        doi=doi,
        client="demo.archive",
        state=state,
        attributes=complete(attributes),
        created=moment,
        updated=moment,
        imported_at=moment,
    )


RECORDS = (
    dataset_record(OPEN, "Open"),
    dataset_record(CLOSED, "Closed"),
    dataset_record(
        ANALYSIS,
        "Analysis",
        relatedIdentifiers=[
            {"relationType": "IsDerivedFrom", "relatedIdentifier": OPEN, "relatedIdentifierType": "DOI"}
        ],
    ),
    dataset_record("10.5072/draft", "DraftName", DoiState.DRAFT),
    dataset_record("10.5072/registered", "RegisteredName", DoiState.REGISTERED),
    dataset_record("10.5072/nameless", None),
)
FACTS = (
    DatasetFacts(
        doi=OPEN,
        kind=DatasetKind.COLLECTION,
        program="Community",
        cancer_types=("Glioma", "Lung Cancer"),
        cancer_locations=("Brain",),
        supporting_data=("Clinical",),
        updated="2026-03-04",
        subjects=900,
        description="<h1>Long</h1><img src=x onerror=alert(2)>",
        downloads=(
            DatasetDownload(
                id=77,
                title="Clinical <data>",
                url="https://archive.example.org/clinical.csv",
                types=("Clinical Data",),
                file_types=("CSV",),
                access="open",
                licence="CC BY 4.0",
                size=1_500_000,
            ),
        ),
    ),
    DatasetFacts(doi=CLOSED, subjects=5, program="Trial", downloads=(DatasetDownload(id=78, title="Form"),)),
    DatasetFacts(doi="10.5072/draft", program="SecretProgram", cancer_types=("SecretCancer",)),
)


def publish_datasets(catalog: Catalog) -> None:
    """Store the records and what editors say of them."""
    catalog.dois().import_many(RECORDS, actor="test")
    datasets = catalog.datasets(KIND)
    datasets.put_facts(FACTS)
    datasets.put_downloads({facts.doi: facts.downloads for facts in FACTS})
