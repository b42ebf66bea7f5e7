"""The server's log: structured, one line per request, nothing secret in it, nothing forged into it."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast
from urllib.parse import parse_qsl, urlencode

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter

from filmroom.errors import InvalidInput

_SECRET_PARAMETERS = frozenset(
    {
        "authorization",
        "api_key",
        "apikey",
        "password",
        "token",
        "access_token",
        "refresh_token",
        "client_secret",
        # What a provider sends a browser back with.
        "code",
        "state",
    }
)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_LONGEST = 2_000


def get_logger(name: str) -> BoundLogger:
    """Return a structured logger over the standard library's of that name."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=BoundLogger,
    )
    return cast(BoundLogger, logger)


def configure_logging(form: str, level: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to standard error in one form.

    :param form: ``json``, ``console``, or ``auto``: console on a terminal. :param level: debug … error.
    :raises InvalidInput: for other values.
    """
    if form not in {"json", "console", "auto"}:
        raise InvalidInput(f"FILMROOM_LOG_FORMAT must be json, console or auto, not {form!r}.")
    if level not in _LEVELS:
        raise InvalidInput(f"FILMROOM_LOG_LEVEL must be one of {', '.join(_LEVELS)}, not {level!r}.")
    target = stream or sys.stderr
    console = form == "console" or (form == "auto" and target.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=target.isatty())]
        if console
        else [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[_take_record_info, *shared, ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    # What these say about each of their steps is not ours to repeat.
    for name in ("uvicorn", "alembic", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.WARNING))


def _take_record_info(_logger: Any, _name: str, event: Any) -> Any:
    record = event["_record"]
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


def printable(text: str) -> str:
    """Return text from outside with every character that could forge or garble a line escaped, and cut."""
    cut = text[:_LONGEST]
    return cut if cut.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def safe_query(query: bytes) -> str:
    """Return a query string fit for the log: values of secret parameters are replaced."""
    text = query[: 2 * _LONGEST].decode("latin-1")
    lowered = text.lower()
    # An escaped name (pass%77ord) is still the name, so anything with an escape is looked at decoded.
    if "%" in text or any(name in lowered for name in _SECRET_PARAMETERS):
        pairs = parse_qsl(text, keep_blank_values=True)
        text = urlencode(
            [(name, "***" if name.lower() in _SECRET_PARAMETERS else value) for name, value in pairs],
            safe="*/:,",
        )
    return printable(text)
