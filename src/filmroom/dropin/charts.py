"""Charts of series, shown by plotly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filmroom.dropin.extras import pandas, plotly_express
from filmroom.dropin.series_table import formatSeriesInput


def create_pie_chart(
    data: Sequence[float], metric_name: str, labels: Sequence[str], width: int = 800, height: int = 600
) -> None:
    """Show how a measure is spread over data sets; sizes in pixels."""
    express = plotly_express()
    frame = pandas().DataFrame({"Labels": list(labels), "Values": list(data)})
    chart = express.pie(frame, names="Labels", values="Values", title=f"{metric_name} by data set")
    chart.update_traces(textposition="inside", textinfo="percent+label")
    chart.update_layout(legend_title_text="Data sets", width=width, height=height)
    chart.show()


def reportSeriesSubmissionDate(series_data: Any, chart_width: int = 1024, chart_height: int = 768) -> None:
    """Show how many series each collection had on which day, by the time of submission."""
    _show_growth(series_data, "TimeStamp", "Day of submission", (chart_width, chart_height))


def reportSeriesReleaseDate(series_data: Any, chart_width: int = 1024, chart_height: int = 768) -> None:
    """Show how many series each collection had on which day, by the day of release."""
    _show_growth(series_data, "DateReleased", "Day of release", (chart_width, chart_height))


def _show_growth(series_data: Any, column: str, title: str, size: tuple[int, int]) -> None:
    pd, express = pandas(), plotly_express()
    frame = formatSeriesInput(series_data, "", "")
    frame[column] = pd.to_datetime(frame[column])
    days = pd.Grouper(key=column, freq="D")
    daily = frame.dropna(subset=[column]).groupby(["Collection", days])["SeriesInstanceUID"].nunique()
    table = daily.reset_index(name="New")
    table["Series"] = table.groupby("Collection")["New"].cumsum()
    chart = express.line(table, x=column, y="Series", color="Collection", markers=True, title=title)
    chart.update_layout(width=size[0], height=size[1])
    chart.show()
