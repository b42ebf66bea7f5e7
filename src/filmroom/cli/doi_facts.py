"""The command group ``doi facts``: what an editor says of published datasets that DOI records do not hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, open_catalog
from filmroom.cli.output import say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmroom.catalog.datasets import Datasets
    from filmroom.model.datasets import DatasetDownload, DatasetFacts, FactsChange

app = typer.Typer(help="What the pages of datasets say beside their DOI records.", no_args_is_help=True)

DATASET_COLUMNS = (
    *("short_title", "dataset_type", "title", "doi", "url", "access", "licenses", "subjects", "program"),
    *("data_types", "cancer_types", "cancer_locations", "supporting_data", "date_updated", "downloads"),
    *("dicom_downloads", "dicom_subjects", "dicom_studies", "dicom_series", "dicom_images", "dicom_bytes"),
    *("nbia_licenses", "nbia_subjects", "nbia_studies", "nbia_series", "nbia_images", "nbia_bytes"),
    *("nbia_first_released", "nbia_last_released", "idc_collection_ids", "idc_patients", "idc_studies"),
    *("idc_series", "idc_instances", "idc_size_mb", "citation", "description", "summary", "browse_title"),
    *("species", "acknowledgements", "funding", "external_resources", "hide_from_browse_table"),
)
"""Those of TCIA's table of datasets, of which some are passed over, and six more that it does not have."""
DOWNLOAD_COLUMNS = (
    *("short_title", "dataset_type", "download_id", "download_title", "access_level", "license_label"),
    *("license_url", "download_types", "data_types", "file_types", "subjects", "studies", "series", "images"),
    *("size_bytes", "date_updated", "collection_status", "download_url", "search_url", "requirements_label"),
)
"""Those of TCIA's table of downloads."""


@app.command("import", epilog="Example: filmroom doi facts import collections.csv downloads.csv")
def import_facts(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Tables of datasets or of downloads.", show_default=False),
    ],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Take in CSV tables of datasets (program, cancer types, texts …) or of their downloads.

    Lines are of a DOI, or of the short name of a record that is there. A table replaces what was said of its
    datasets, and nothing else; one with a mistake changes nothing. Words of one cell stand between
    semicolons. A table is one of downloads when it has the column download_id.
    """
    with open_catalog(data, database_url) as catalog:
        datasets = catalog.datasets(_short_name_type())
        for file in files:
            change = _import_file(datasets, file)
            say(f"{file}: {change.new} new, {change.changed} changed, {change.same} as they were.")


def _short_name_type() -> str:
    from filmroom import settings

    return settings.get("doi_short_name_type")


def _import_file(datasets: Datasets, file: Path) -> FactsChange:
    from filmroom.errors import NotFound

    known = datasets.short_names()
    try:
        if _is_of_downloads(file):
            return datasets.put_downloads(_read_downloads(file, known))
        return datasets.put_facts(_read_datasets(file, known))
    except NotFound as error:
        raise InvalidInput(
            f"{file}: {error} Nothing was changed.",
            advice="Make the record, or import it: filmroom doi import",
        ) from None


def _is_of_downloads(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            header = text.readline(10_000)
    except OSError as error:
        raise InvalidInput(f"Cannot read {file}: {error.strerror or error}.") from None
    return "download_id" in header


def _read_datasets(file: Path, known: Mapping[str, str]) -> list[DatasetFacts]:
    from filmroom.ingest.csv_table import Cells, read_table
    from filmroom.model.datasets import facts_of_cells
    from filmroom.model.dois import normal_doi

    def make(cells: Cells) -> DatasetFacts:
        name = cells.get("doi", "")
        return facts_of_cells(cells, normal_doi(name) if name else _doi_of(cells["short_title"], known))

    return read_table(file, DATASET_COLUMNS, make, lambda facts: facts.doi)


def _read_downloads(file: Path, known: Mapping[str, str]) -> dict[str, tuple[DatasetDownload, ...]]:
    from filmroom.ingest.csv_table import Cells, read_table
    from filmroom.model.datasets import download_of_cells

    def make(cells: Cells) -> tuple[str, DatasetDownload]:
        return _doi_of(cells["short_title"], known), download_of_cells(cells)

    found: dict[str, list[DatasetDownload]] = {}
    for doi, download in read_table(file, DOWNLOAD_COLUMNS, make, lambda row: f"{row[1].id} of {row[0]}"):
        found.setdefault(doi, []).append(download)
    return {doi: tuple(downloads) for doi, downloads in found.items()}


def _doi_of(short_name: str, known: Mapping[str, str]) -> str:
    if short_name not in known:
        raise InvalidInput(
            f"No record has the short name {short_name[:100]!r}.",
            advice="See those that are there: filmroom doi list",
        )
    return known[short_name]


@app.command("show", epilog="Example: filmroom doi facts show 10.5072/abcd-1234")
def show(
    doi: Annotated[str, typer.Argument(metavar="DOI", help="Such as 10.5072/abcd-1234.")],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Print what is said of a dataset, as JSON."""
    import msgspec

    with open_catalog(data, database_url) as catalog:
        facts = catalog.datasets(_short_name_type()).facts(doi)
    say(msgspec.json.format(msgspec.json.encode(facts)).decode())


@app.command("remove", epilog="Example: filmroom doi facts remove 10.5072/abcd-1234")
def remove(
    doi: Annotated[str, typer.Argument(metavar="DOI", help="Such as 10.5072/abcd-1234.")],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Forget what is said of a dataset; its DOI record stays."""
    with open_catalog(data, database_url) as catalog:
        catalog.datasets(_short_name_type()).remove_facts(doi)
    say(f"Nothing is said of {doi} any more beside its record.")


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="facts")
