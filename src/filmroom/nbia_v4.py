"""tcia_utils.nbia_v4, which tcia_utils keeps as another name of its ``nbia``."""

from __future__ import annotations

from filmroom import nbia
from filmroom.dropin.session import log
from filmroom.nbia import *  # noqa: F403 - the whole of it, as it is in tcia_utils

log.warning("nbia_v4 is deprecated: import nbia instead.")
__all__ = list(nbia.__all__)
