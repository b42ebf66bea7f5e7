"""Real DICOM files that come with pydicom, grouped into small collections for the demo and the tests."""

from __future__ import annotations

from pathlib import Path

# Folders and files below pydicom's own test data; every SOP Instance UID occurs once.
SAMPLES: dict[str, tuple[str, ...]] = {
    "Demo-CT": (
        "CT_small.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "dicomdirtests/77654033",
        "dicomdirtests/98892001",
    ),
    "Demo-MR": ("MR_small.dcm", "examples_overlay.dcm", "dicomdirtests/98892003"),
    "Demo-Radiotherapy": ("rtdose.dcm", "rtplan.dcm"),
    "Demo-Tiny": ("dicomdirtests/TINY_ALPHA/PT000000",),
    "Demo-Ultrasound": ("examples_palette.dcm", "examples_rgb_color.dcm", "examples_ybr_color.dcm"),
    "Demo-Various": ("JPEG2000.dcm", "liver_1frame.dcm", "waveform_ecg.dcm"),
}


def sample_root() -> Path:
    """Return the folder of pydicom's packaged test files."""
    import pydicom

    return Path(pydicom.__file__).parent / "data" / "test_files"


def sample_files(collection: str) -> list[Path]:
    """Return the files of one of :data:`SAMPLES`, in order."""
    root = sample_root()
    found: list[Path] = []
    for name in SAMPLES[collection]:
        path = root / name
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found
