"""The audit keeps every record, whatever the catalogue does meanwhile."""

import logging
import threading
import time

import pytest

from filmroom.errors import CatalogBusy
from filmroom.model.entities import Download
from filmroom.server.audit import Audit


class Ledger:
    """Stands where the catalogue stands, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[list[Download]] = []
        self.asked = threading.Event()

    def record_downloads(self, downloads: list[Download]) -> None:
        self.asked.set()
        if self.failures:
            self.failures -= 1
            raise CatalogBusy("busy")
        self.batches.append(list(downloads))


def downloads(count: int) -> list[Download]:
    return [Download(f"1.{number}", "v4API", number) for number in range(count)]


def test_records_of_one_moment_are_one_transaction() -> None:
    ledger = Ledger()
    audit = Audit(ledger, interval=0.2)
    audit.start()
    for record in downloads(100):
        audit.record(record)
    deadline = time.monotonic() + 1
    while not ledger.batches and time.monotonic() < deadline:
        time.sleep(0.01)
    audit.close()
    assert ledger.batches == [ledger.batches[0]]
    assert [record.bytes for record in ledger.batches[0]] == list(range(100))


def test_what_fails_is_tried_again_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(failures=2)
    audit = Audit(ledger, interval=0.01)
    audit.start()
    with caplog.at_level(logging.ERROR):
        for record in downloads(3):
            audit.record(record)
        assert ledger.asked.wait(5)
        audit.close()
    assert [record.bytes for batch in ledger.batches for record in batch] == [0, 1, 2]
    assert len(caplog.records) == 2


def test_closing_writes_what_waits() -> None:
    ledger = Ledger()
    audit = Audit(ledger, interval=30)
    audit.start()
    for record in downloads(5):
        audit.record(record)
    began = time.monotonic()
    audit.close()
    assert time.monotonic() - began < 5
    assert sum(map(len, ledger.batches)) == 5


def test_what_cannot_be_written_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(failures=1_000_000)
    audit = Audit(ledger, interval=0.01, capacity=2, patience=0.2)
    with caplog.at_level(logging.ERROR):
        for record in downloads(3):
            audit.record(record)  # the third finds the queue full
        audit.start()
        audit.close()
    given_up = [
        record.msg for record in caplog.records if isinstance(record.msg, dict) and "series" in record.msg
    ]
    assert {(event["series"], event["reason"]) for event in given_up} == {
        ("1.2", "the audit queue is full"),
        ("1.0", "the catalogue refuses them"),
        ("1.1", "the catalogue refuses them"),
    }
