"""Functions that ``nbia`` has and ``idc`` has not: they warn and return None, as in tcia_utils."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

_INSTEAD = {"reportSeriesSubmissionDate": " Use reportSeriesReleaseDate instead."}


def _unsupported(name: str) -> Callable[..., None]:
    def function(*args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{name} is not supported in the IDC module.{_INSTEAD.get(name, '')}", UserWarning, stacklevel=2
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "Warn that this is not supported, and return None."
    return function


setApiUrl = _unsupported("setApiUrl")
getSeriesSize = _unsupported("getSeriesSize")
getSharedCart = _unsupported("getSharedCart")
makeSeriesReport = _unsupported("makeSeriesReport")
reportSeriesSubmissionDate = _unsupported("reportSeriesSubmissionDate")
getDoiMetadata = _unsupported("getDoiMetadata")
getCollectionPatientCounts = _unsupported("getCollectionPatientCounts")
reportDicomTags = _unsupported("reportDicomTags")
