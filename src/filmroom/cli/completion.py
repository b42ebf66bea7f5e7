"""What a shell completes beside commands and options: names that are known without asking anybody."""

from __future__ import annotations

import typer

from filmroom.errors import FilmroomError


def collections(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the collections of the server's snapshot that begin so; none where there is no snapshot."""
    from filmroom.client import Client

    try:
        with Client(ctx.params.get("server"), snapshot=True) as client:
            known = client.collections()
    except FilmroomError:
        return []  # whoever presses a key wants no explanation
    return [name for name in known if name.startswith(incomplete)]
