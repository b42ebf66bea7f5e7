"""Summaries of series of Imaging Data Commons: by collection, by DOI, over time."""

from __future__ import annotations

from typing import Any

from filmroom.client.sources.idc_index import table
from filmroom.dropin.ask import save_frame
from filmroom.dropin.charts import create_pie_chart
from filmroom.dropin.extras import pandas, plotly_express
from filmroom.dropin.idc.files import uids_of
from filmroom.dropin.idc.questions import of_series
from filmroom.dropin.idc.table import polars, shaped
from filmroom.dropin.session import quietly
from filmroom.dropin.tables import format_disk_space_binary

_VALUES = ("Modality", "LicenseName", "Manufacturer", "BodyPartExamined")
_SIZE = "File Size MiB"


def reportCollectionSummary(series_data: Any, input_type: str = "", format: str = "") -> Any:
    """Return a data frame with a row per collection; see :func:`reportDataSummary`."""
    return reportDataSummary(series_data, input_type, "collection", format)


def reportDoiSummary(series_data: Any, input_type: str = "", format: str = "") -> Any:
    """Return a data frame with a row per DOI; see :func:`reportDataSummary`."""
    return reportDataSummary(series_data, input_type, "doi", format)


@quietly
def reportDataSummary(series_data: Any, input_type: str = "", report_type: str = "", format: str = "") -> Any:
    """Return a data frame with a row per collection, or per DOI: counts, sizes, values that occur.

    :param input_type: see :func:`downloadSeries`. :param report_type: ``doi`` for a row per DOI.
    :param format: ``csv`` writes ``idc_<report_type>_report.csv`` too; ``chart`` shows charts.
    """
    frame = shaped(of_series(uids_of(series_data, input_type)), "df")
    group, other, others = (
        ("DataDescriptionURI", "Collection", "Collections")
        if report_type == "doi"
        else ("Collection", "DataDescriptionURI", "DOIs")
    )
    rows = [
        {group: name, others: _different(part[other])}
        | {column: _different(part[column]) for column in _VALUES}
        | _amounts(part)
        for name, part in frame.groupby(group, sort=True)
    ]
    columns = [group, others, *_VALUES, "Subjects", "Studies", "Series", "Images", _SIZE]
    report = pandas().DataFrame(rows, columns=[*columns, "Formatted File Size"])
    if format == "chart":
        for measure in ("Subjects", "Studies", "Series", "Images"):
            create_pie_chart(report[measure].tolist(), measure, report[group].tolist())
    if format == "csv":
        save_frame(report, f"idc_{report_type}_report.csv")
    return report


def _different(column: Any) -> list[Any]:
    return list(dict.fromkeys(column.dropna().tolist()))


def _amounts(part: Any) -> dict[str, Any]:
    size = float(part["FileSizeMiB"].sum())
    return {
        "Subjects": part["PatientID"].nunique(),
        "Studies": part["StudyInstanceUID"].nunique(),
        "Series": part["SeriesInstanceUID"].nunique(),
        "Images": part["ImageCount"].sum(),
        _SIZE: round(size, 2),
        "Formatted File Size": format_disk_space_binary(size * 1024 * 1024),
    }


@quietly
def reportSeriesReleaseDate(
    series_data: Any, input_type: str = "", chart_width: int = 1024, chart_height: int = 768
) -> None:
    """Show how many series each collection had in IDC on which day."""
    express = plotly_express()
    versions = table("version_metadata_index").rename({"idc_version": "series_init_idc_version"})
    column = polars().col
    versions = versions.with_columns(column("series_init_idc_version").cast(polars().Int64))
    found = of_series(uids_of(series_data, input_type))
    dated = found.join(versions, on="series_init_idc_version").group_by("collection_id", "version_timestamp")
    daily = dated.agg(column("SeriesInstanceUID").n_unique().alias("New"))
    daily = daily.sort("collection_id", "version_timestamp").with_columns(
        column("New").cum_sum().over("collection_id").alias("Series")
    )
    frame = shaped(daily, "df").rename(columns={"version_timestamp": "Day of release"})
    chart = express.line(
        frame, x="Day of release", y="Series", color="Collection", markers=True, title="Day of release by IDC"
    )
    chart.update_layout(width=chart_width, height=chart_height)
    chart.show()
