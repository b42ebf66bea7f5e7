"""Questions over one kept connection, with their times."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

from catalog_questions import Question

_LONG = 1 << 20


@dataclass(slots=True)
class Timing:
    """What was measured of one question: milliseconds of each run, rows and bytes of the answer."""

    kind: str
    seconds: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def milliseconds(self, part: float) -> float:
        """Return the milliseconds within which this part of the runs ended."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


class Asker:
    """One kept connection to a server."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._headers = {"Authorization": f"Bearer {token or 'undefined'}"}

    def ask(self, question: Question, *, keep: bool = False) -> tuple[float, float, bytes, int]:
        """Ask; return seconds to the first bytes and to the end, the body if it is kept, its size."""
        headers = dict(self._headers)
        if question.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        self._connection.request(question.method, question.path, question.form or None, headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{question.path}: status {answer.status}: {answer.read(200)!r}")
        body = answer.read(1)
        first, size = time.perf_counter() - began, len(body)
        if keep:
            body += answer.read()
            return first, time.perf_counter() - began, body, len(body)
        while piece := answer.read(1 << 20):
            size += len(piece)
        return first, time.perf_counter() - began, b"", size

    def counted(self, question: Question) -> tuple[float, float, int]:
        """Ask; return seconds to the first bytes and to the end, and how many rows the answer has.

        Rows are elements of a JSON array, patients of a search, nodes of a tree, or lines of a manifest.
        """
        first, whole, body, size = self.ask(question, keep=True)
        # The server does not wait until a long answer is counted.
        self._connection.close()
        if body[:1] not in {b"[", b"{"}:
            return first, whole, body.count(b"\n")
        if size > _LONG:
            return first, whole, body.count(b"},{") + 1
        found = json.loads(body)
        if isinstance(found, list):
            return first, whole, len(found)
        return first, whole, int(found.get("totalPatients", body.count(b'"criteria"')))


def measure_question(asker: Asker, variants: Sequence[Question], seconds: float, most: int) -> Timing:
    """Ask the variants of one question in turn, after a round that warms them up."""
    first, whole, rows = asker.counted(variants[0])
    timing = Timing(variants[0].kind, rows=rows)
    if whole > seconds and len(variants) == 1:
        # Long enough to need no second run.
        timing.seconds.append(whole)
        timing.first.append(first)
        return timing
    for variant in variants[1:]:
        asker.ask(variant)
    until = time.perf_counter() + seconds
    for variant in cycle(variants):
        if timing.seconds and (time.perf_counter() > until or len(timing.seconds) >= most):
            return timing
        first, whole, _, timing.size = asker.ask(variant)
        timing.seconds.append(whole)
        timing.first.append(first)
    return timing
