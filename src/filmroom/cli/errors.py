"""The one table from exception to exit code, and the sentence a person reads."""

from __future__ import annotations

import tempfile
import traceback

from filmroom import errors

EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "failed",
    2: "wrong usage",
    3: "done, but something was refused (quarantine)",
    4: "not found",
    5: "data missing or damaged",
    6: "no connection",
    70: "a fault in this program",
    130: "interrupted; run the command again to go on",
}

# Subclasses stand before their bases: the first match decides.
_EXIT_CODES: tuple[tuple[type[errors.FilmroomError], int], ...] = (
    (errors.DicomError, 1),
    (errors.InvalidInput, 2),
    (errors.NotFound, 4),
    (errors.VerificationFailed, 5),
    (errors.IncompleteTransfer, 5),
    (errors.DigestMismatch, 5),
    (errors.ServerUnreachable, 6),
    (errors.FilmroomError, 1),
)


# Top-level module -> the extra that brings it.
_EXTRAS = {
    **dict.fromkeys(
        (
            "alembic",
            "anyio",
            "cryptography",
            "httptools",
            "limits",
            "lxml",
            "nh3",
            "prometheus_client",
            "pwdlib",
            "sqlalchemy",
            "starlette",
            "structlog",
            "uvicorn",
            "yaml",
            "zlib_ng",
        ),
        "server",
    ),
    "authlib": "oidc",
    "joserfc": "oidc",
    "obstore": "s3",
    "psycopg": "postgres",
    "pandas": "dataframe",
    "polars": "polars",
    "pyarrow": "arrow",
}


def missing_extra(error: ModuleNotFoundError) -> errors.MissingExtra | None:
    """Return what to tell a person whose installation lacks an optional part; None for a fault of ours."""
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    return errors.MissingExtra(extra, "This command") if extra else None


def exit_code_for(error: errors.FilmroomError) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def explain(error: errors.FilmroomError) -> str:
    """Return the error as text for a terminal: the sentence, and the advice below it."""
    text = f"Error: {error}\n"
    return f"{text}{error.advice}\n" if error.advice else text


def explain_fault(error: Exception) -> str:
    """Return what to tell a person about an error that should not happen; the details go to a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="filmroom-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write("".join(traceback.format_exception(error)))
    return (
        f"Error: this is a fault in filmroom ({type(error).__name__}), not in what you did.\n"
        f"Please report it with the file {report.name}\n"
    )
