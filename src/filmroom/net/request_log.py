"""What the HTTP library logs of requests: signed addresses are a permission, and lose their query."""

from __future__ import annotations

import logging
import re

_LOGGERS = ("httpx2", "httpcore2.http11", "httpcore2.http2", "httpcore2.connection", "httpcore2.proxy")
_SIGNED = re.compile(r"signature|token|credential|secret|password|key|(?:^|[?&])sig=", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s'\"]+")


def is_signed(query: str) -> bool:
    """Whether the query of an address may be a permission, which is not to be shown or kept."""
    return _SIGNED.search(query) is not None


def _bare(match: re.Match[str]) -> str:
    return "?..." if is_signed(match[0]) else match[0]


class _Discretion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        bare = _QUERY.sub(_bare, text)
        if bare != text:
            record.msg, record.args = bare, ()
        return True


_discretion = _Discretion()


def keep_secrets() -> None:
    """See that nothing signed is logged from now on, at any level; a second call changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_discretion)
