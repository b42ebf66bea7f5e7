"""A program that runs our commands in forked children and kills them when it is told to.

Everything is imported before the fork, so that a command's own work, not Python's start, is what a random
instant falls into. One JSON job per line comes in, one JSON answer per line goes out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

PRELOADED = (
    "alembic.command",
    "alembic.script",
    "filmroom.catalog",
    "filmroom.cli.app",
    "filmroom.cli.findings",
    "filmroom.client",
    "filmroom.ingest.load",
    "filmroom.store.local",
    "filmroom.upkeep",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


def run_child(job: dict[str, Any]) -> None:
    """Become the command; never returns."""
    os.setsid()
    out = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(job["environment"])
    for name, value in job.get("patches", {}).items():
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    if job.get("largest_file") is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"],) * 2)
    sys.argv = ["filmroom", *job["arguments"]]
    code = 1
    try:
        from filmroom.cli.app import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job to its end, or to the instant at which it is killed."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        run_child(job)
    watch = os.pidfd_open(pid)
    killed = False
    if not select.select([watch], [], [], job["after"])[0]:
        killed = True
        with contextlib.suppress(ProcessLookupError):
            if job.get("group"):
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(watch)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "killed": killed and os.WIFSIGNALED(status),
        "seconds": time.monotonic() - begun,
    }


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("obstore")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
