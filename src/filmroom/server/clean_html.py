"""HTML that an author wrote, without what could do anything."""

from __future__ import annotations

from collections.abc import Set

import nh3

_TAGS = frozenset({"p", "br", "b", "i", "em", "strong", "sub", "sup", "ul", "ol", "li", "a"})
_SCHEMES = frozenset({"http", "https"})


def clean_html(text: str, *, also: Set[str] = frozenset()) -> str:
    """Return HTML of harmless tags and links to web addresses; of other tags the text stays.

    :param also: further tags that are let through, without attributes.
    """
    return nh3.clean(
        text,
        tags={*_TAGS, *also},
        attributes={"a": {"href"}},
        url_schemes=set(_SCHEMES),
        link_rel="nofollow noopener",
        strip_comments=True,
    )
