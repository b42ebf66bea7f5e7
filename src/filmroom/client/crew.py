"""Work shared among threads that a Ctrl-C can leave behind.

A pool of :mod:`concurrent.futures` is joined when the interpreter ends, so a thread that waits for a
silent server would hold the whole command up; these are daemons.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Stopped(Exception):
    """The work was told to stop, from another thread; what was finished is kept."""


_LOOK_UP = 0.2  # seconds between two looks whether to stop
_LEAVE_AFTER = 3.0  # seconds that an interrupted command waits for its threads


class Turns:
    """Lets so many at a time do what they do with one server.

    :param at_once: how many.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._of: dict[str, threading.Semaphore] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one(self, server: str, stop: threading.Event) -> Iterator[None]:
        """Wait for a turn, and take it. :raises Stopped: when ``stop`` is set before it comes."""
        with self._lock:
            turns = self._of.setdefault(server, threading.Semaphore(self._at_once))
        while not turns.acquire(timeout=_LOOK_UP):
            if stop.is_set():
                raise Stopped
        try:
            if stop.is_set():
                raise Stopped
            yield
        finally:
            turns.release()


class Crew(Generic[_Task, _Result]):
    """Runs ``work(task)`` for many tasks on a few threads; results come in the order of the tasks.

    ``stop`` is set when the caller is interrupted, or by another thread; ``work`` should then end soon.
    """

    def __init__(self, work: Callable[[_Task], _Result], workers: int, stop: threading.Event) -> None:
        self._work = work
        self._workers = max(1, workers)
        self._stop = stop
        self._tasks: queue.SimpleQueue[tuple[int, _Task]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, _Result | BaseException]] = queue.SimpleQueue()

    def run(self, tasks: Iterable[_Task]) -> list[_Result]:
        """Do the work.

        :raises BaseException: the first that ``work`` raised, after stopping the rest.
        :raises Stopped: when it was stopped from elsewhere.
        """
        count = 0
        for count, task in enumerate(tasks, 1):
            self._tasks.put((count - 1, task))
        results: dict[int, _Result] = {}
        threads = [
            threading.Thread(target=self._serve, daemon=True, name=f"filmroom-{number}")
            for number in range(min(self._workers, count))
        ]
        for thread in threads:
            thread.start()
        try:
            while len(results) < count:
                number, outcome = self._done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                results[number] = outcome
        except BaseException:
            self._stop.set()
            for thread in threads:
                thread.join(_LEAVE_AFTER / len(threads))
            raise
        return [results[number] for number in range(count)]

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                number, task = self._tasks.get_nowait()
            except queue.Empty:
                return
            try:
                outcome: _Result | BaseException = self._work(task)
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, raised there
                outcome = error
            self._done.put((number, outcome))
        self._done.put((-1, Stopped()))
