"""tcia_utils.utils: small tools for data frames, sizes and texts. See docs/guides/tcia_utils.md."""

from __future__ import annotations

from filmroom.dropin.session import speak_up
from filmroom.dropin.tables import (
    copy_df_cols,
    format_disk_space,
    format_disk_space_binary,
    get_proxy,
    remove_html_tags,
    searchDf,
    set_proxy,
)

speak_up()

__all__ = [
    "copy_df_cols",
    "format_disk_space",
    "format_disk_space_binary",
    "get_proxy",
    "remove_html_tags",
    "searchDf",
    "set_proxy",
]
