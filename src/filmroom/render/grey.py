"""Values of a frame to shades of grey: modality LUT, VOI LUT or window, inversion (PS3.3 C.11.1, C.11.2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

Values = npt.NDArray[np.float32]
Shades = npt.NDArray[np.uint8]


def shades(stored: npt.NDArray[Any], dataset: Dataset, window: tuple[float, float] | None) -> Shades:
    """Return the shades from 0 (black) to 255 (white) of stored values.

    :param window: centre and width; without one the VOI LUT of the object, else its first window, else the
        range of the values that are not padding.
    """
    values = _rescaled(stored, dataset)
    if window is not None:
        grey = windowed(values, *window)
    elif dataset.get("VOILUTSequence"):
        grey = _through_lut(values, dataset)
    elif (own := _own_window(dataset)) is not None:
        grey = windowed(values, *own, function=str(dataset.get("VOILUTFunction") or "LINEAR"))
    else:
        grey = _over_range(values, ~_is_padding(stored, dataset))
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        np.subtract(1, grey, out=grey)
    return np.rint(grey * 255).astype(np.uint8)


def _rescaled(stored: npt.NDArray[Any], dataset: Dataset) -> Values:
    if dataset.get("ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(stored, dataset), np.float32)
    values = np.nan_to_num(stored.astype(np.float32))
    slope, intercept = _number(dataset.get("RescaleSlope")), _number(dataset.get("RescaleIntercept"))
    if slope:
        values *= slope
    if intercept:
        values += intercept
    return values


def windowed(values: Values, centre: float, width: float, *, function: str = "LINEAR") -> Values:
    """Return 0 to 1 after PS3.3 C.11.2.1.2 (LINEAR) or C.11.2.1.3 (LINEAR_EXACT, SIGMOID)."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80))), np.float32)
    if function != "LINEAR_EXACT":
        centre, width = centre - 0.5, width - 1
    if width <= 0:
        return np.asarray(values > centre, np.float32)
    scaled = (values - centre) / width + 0.5
    return np.asarray(np.clip(scaled, 0, 1), np.float32)


def _through_lut(values: Values, dataset: Dataset) -> Values:
    # Entries of the LUT are whole numbers, and so is what it is asked for (PS3.3 C.11.2.1.1).
    mapped = apply_voi(np.rint(values).astype(np.int32), dataset)
    depth = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    return np.asarray(mapped / (2**depth - 1), np.float32)


def _over_range(values: Values, counted: npt.NDArray[np.bool_]) -> Values:
    some = values[counted] if counted.any() else values
    low, high = float(some.min()), float(some.max())
    if high <= low:
        return np.zeros(values.shape, np.float32)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def _own_window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the first window of an object; None where it has none that means anything."""
    centre, width = _number(dataset.get("WindowCenter")), _number(dataset.get("WindowWidth"))
    smallest = 1 if (dataset.get("VOILUTFunction") or "LINEAR") == "LINEAR" else 0
    if centre is None or width is None or width <= 0 or width < smallest:
        return None
    return centre, width


def _is_padding(stored: npt.NDArray[Any], dataset: Dataset) -> npt.NDArray[np.bool_]:
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return np.zeros(stored.shape, np.bool_)
    other = limit if isinstance(limit, int) else value
    return np.asarray((stored >= min(value, other)) & (stored <= max(value, other)))


def _number(value: Any) -> float | None:
    """Return a decimal string, the first of several; None where there is none or it is not finite."""
    if isinstance(value, (list, tuple)) or hasattr(value, "append"):
        value = value[0] if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
