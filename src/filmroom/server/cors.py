"""Which answers pages of other origins may use: those of the APIs, not the server's own pages."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


def with_cors(app: ASGIApp) -> CORSMiddleware:
    """Let pages of every origin use the API; the rest of the server is not theirs."""
    return CORSMiddleware(
        app,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "HEAD", "OPTIONS", "PUT"],
        allow_headers=[
            "Content-Type",
            "X-Requested-With",
            "accept",
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
            "Authorization",
            "Range",
            "If-Range",
        ],
        expose_headers=[
            "Content-Disposition",
            "Content-Range",
            "Accept-Ranges",
            "ETag",
            "X-Request-ID",
            "Link",
            "Deprecation",
            "Sunset",
        ],
        max_age=10,
    )
