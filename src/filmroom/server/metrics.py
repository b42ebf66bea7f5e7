"""What the server counts, for Prometheus."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from filmroom.model.text_search import TextIndexState

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where several server processes keep their counts together; read by the Prometheus library."""


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "filmroom_requests", "Requests answered.", ("operation", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "filmroom_request_seconds",
            "Time from request to the last byte of its answer.",
            ("operation",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.bytes = Counter(
            "filmroom_sent_bytes",
            "Bytes of answers, without headers.",
            ("operation",),
            registry=self._registry,
        )
        self.downloads = Gauge(
            "filmroom_downloads_in_progress",
            "Images and series being sent now.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._waiting = self._index_gauge(
            "waiting_series", "Series whose files text search has not read yet."
        )
        self._unreadable = self._index_gauge("unreadable_series", "Series whose files it could not read.")
        self._behind = self._index_gauge(
            "behind_seconds", "Time for which the first of these has been waiting."
        )

    def _index_gauge(self, name: str, meaning: str) -> Gauge:
        # Of the whole archive: whoever looked last is right for all processes.
        return Gauge(
            f"filmroom_text_index_{name}", meaning, registry=self._registry, multiprocess_mode="mostrecent"
        )

    def set_text_index(self, state: TextIndexState) -> None:
        """Note how far the index of text search is."""
        self._waiting.set(state.waiting)
        self._unreadable.set(state.unreadable)
        self._behind.set(state.behind)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format; of all processes where there are several."""
        if os.environ.get(MULTIPROCESS_VARIABLE):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self._registry)
