"""Summaries of series: by collection, by DOI, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.charts import create_pie_chart
from filmroom.dropin.dois import getDoi
from filmroom.dropin.extras import pandas
from filmroom.dropin.html_table import HtmlTable, html_table
from filmroom.dropin.series_table import formatSeriesInput
from filmroom.dropin.session import log, quietly
from filmroom.dropin.tables import format_disk_space
from filmroom.wire.datacite.record import bare_doi

UNTOLD = "Not Specified"
_LISTS = {"LicenseName": "Licenses", "BodyPartExamined": "Body Parts", "Modality": "Modalities"}
_MEASURES = ("Subjects", "Studies", "Series", "Images", "File Size")


def reportCollectionSummary(
    series_data: Any, input_type: str = "", api_url: str = "", format: str = ""
) -> Any:
    """Return a data frame with a row per collection; see :func:`reportDataSummary`."""
    return reportDataSummary(series_data, input_type, "collection", api_url, format)


def reportDoiSummary(series_data: Any, input_type: str = "", api_url: str = "", format: str = "") -> Any:
    """Return a data frame with a row per DOI; see :func:`reportDataSummary`."""
    return reportDataSummary(series_data, input_type, "doi", api_url, format)


@quietly
def reportDataSummary(
    series_data: Any, input_type: str = "", report_type: str = "", api_url: str = "", format: str = ""
) -> Any:
    """Return a data frame with a row per collection, or per DOI: counts, sizes, values that occur.

    :param input_type: see :func:`formatSeriesInput`.
    :param report_type: ``doi`` for a row per DOI.
    :param format: ``csv`` writes ``tcia_<report_type>_report_<YYYYMMDD_HHMMSS>.csv`` too; ``chart`` shows
        charts.
    :raises StopExecution: when there are no series.
    """
    frame = formatSeriesInput(series_data, input_type, api_url)
    for name in ("Collection", "DataDescriptionURI"):
        frame[name] = _filled(frame[name])
    by_doi = report_type == "doi"
    group, other, others = (
        ("DataDescriptionURI", "Collection", "Collections")
        if by_doi
        else ("Collection", "DataDescriptionURI", "DOIs")
    )
    rows = [
        {group: name, others: _joined(part[other]), **_summary(part)}
        for name, part in frame.groupby(group, sort=True)
    ]
    order = [group, others, "Licenses", *_MEASURES, "Disk Space", "Body Parts", "Modalities", "Manufacturers"]
    order += ["Min DateReleased", "Max DateReleased", "UniqueDateReleased"]
    report = pandas().DataFrame(rows, columns=order)
    if by_doi:
        report.insert(0, "Identifier", _identifiers(report[group]))
    if format == "chart":
        _show_charts(report, report["Collection" if not by_doi else "DataDescriptionURI"].tolist())
    if format == "csv":
        save_frame(report, f"tcia_{report_type}_report_{stamp('%Y%m%d_%H%M%S')}.csv")
    return report


def _identifiers(addresses: Any) -> list[str | None]:
    """Return TCIA's short names of data sets, from the records of their DOIs; None where it has none."""
    records = getDoi()
    if records is None:
        log.warning("The short names of the DOIs (Identifier) could not be looked up.")
        return [None] * len(addresses)
    known = dict(zip(records["DOI"].str.lower(), records["Identifier"], strict=True))
    return [known.get(bare_doi(str(address))) for address in addresses]


def _summary(part: Any) -> dict[str, Any]:
    size = part["FileSize"].sum()
    released = part["DateReleased"].dropna()
    days = sorted({moment.strftime("%Y-%m-%d") for moment in released})
    return {
        **{column: _joined(part[source]) for source, column in _LISTS.items()},
        "Manufacturers": _joined(part["Manufacturer"]),
        "Subjects": part["PatientID"].nunique(),
        "Studies": part["StudyInstanceUID"].nunique(),
        "Series": part["SeriesInstanceUID"].nunique(),
        "Images": part["ImageCount"].sum(),
        "File Size": size,
        "Disk Space": format_disk_space(size),
        "Min DateReleased": released.min() if len(released) else UNTOLD,
        "Max DateReleased": released.max() if len(released) else UNTOLD,
        "UniqueDateReleased": ", ".join(days) or UNTOLD,
    }


def _joined(column: Any) -> str:
    """Return the values of a column, each once, in the order of their first row."""
    return ", ".join(str(value) for value in _filled(column).unique())


def _filled(column: Any) -> Any:
    return column.where(column.notna(), UNTOLD).replace("", UNTOLD)


def _show_charts(report: Any, labels: list[str]) -> None:
    for measure in _MEASURES:
        values = report[measure].tolist()
        if values and all(value > 0 for value in values):
            name = "File Size (Bytes)" if measure == "File Size" else measure
            create_pie_chart(values, name, labels)
        else:
            log.info("There are no data for a chart of %s.", measure)


@quietly
def makeSeriesReport(
    series_data: Any, input_type: str = "", format: str = "", filename: str | None = None, api_url: str = ""
) -> Any:
    """Log how many subjects, studies, series and images there are, and which values occur how often.

    :param format: ``var`` returns that as a dictionary; ``file`` writes it to ``filename``, by default
        ``seriesReport-<YYYYMMDD-HHMMSS>.txt``.
    :raises StopExecution: when there are no series.
    """
    frame = formatSeriesInput(series_data, input_type, api_url)
    counted = {
        "collections": ("Collections", "Collection"),
        "modalities": ("Modality", "Modality"),
        "body_parts": ("Body Parts Examined", "BodyPartExamined"),
        "manufacturers": ("Device Manufacturers", "Manufacturer"),
    }
    values: dict[str, Any] = {
        "subjects": frame["PatientID"].nunique(),
        "studies": frame["StudyInstanceUID"].nunique(),
        "series": frame["SeriesInstanceUID"].nunique(),
        "images": frame["ImageCount"].sum(),
        **{key: frame[column].value_counts(dropna=False) for key, (_, column) in counted.items()},
    }
    if format == "var":
        return values
    numbers = [f"{key.capitalize()}: {values[key]}" for key in ("subjects", "studies", "series", "images")]
    tables = [f"\nSeries Counts - {title}:\n{values[key]}" for key, (title, _) in counted.items()]
    text = "\n".join(["Summary Statistics", *numbers, *tables])
    if format == "file":
        name = filename or f"seriesReport-{stamp('%Y%m%d-%H%M%S')}.txt"
        Path(name).write_text(text, encoding="utf-8")
        log.info("Saved %s.", name)
    else:
        log.info("%s", text)
    return None


def idcOhifViewer(data: Any, max_rows: int = 500) -> HtmlTable | None:
    """Return rows or a data frame as an HTML table whose UIDs link to the viewer of IDC."""
    if hasattr(data, "to_dict"):
        rows, columns = data.head(max_rows).to_dict("records"), list(data.columns)
    elif isinstance(data, list):
        rows, columns = data[:max_rows], None
    else:
        log.error("The viewer links need rows or a data frame.")
        return None
    if not len(data):
        log.info("There is nothing to show.")
        return None
    if len(data) > max_rows:
        log.info("The first %d of %d rows are shown.", max_rows, len(data))
    return html_table(rows, columns)
