"""The command line, run in the process of a test."""

from __future__ import annotations

import contextlib
import io
import sys
from types import SimpleNamespace

from filmroom.settings import ArchiveAddress


def run_filmroom(*arguments: object, check: int = 0) -> SimpleNamespace:
    """Run a command as the program does; return what it printed, as ``stdout`` and ``stderr``.

    :raises AssertionError: when its exit code is not ``check``.
    """
    from filmroom.cli.app import main

    out, err = io.StringIO(), io.StringIO()
    before, code = sys.argv, 0
    sys.argv = ["filmroom", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.argv = before
    if code != check:
        raise AssertionError(code, out.getvalue(), err.getvalue())
    return SimpleNamespace(stdout=out.getvalue(), stderr=err.getvalue())


def archive_options(address: ArchiveAddress) -> tuple[str, ...]:
    """Return the options of a command that is to work on an archive."""
    return (
        *("--data", str(address.data), "--database-url", address.database_url),
        *("--store-url", address.store_url),
    )
