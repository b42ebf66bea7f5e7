"""What becomes of each irregular real file that lies beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmroom.dicom.header import read_header
from filmroom.dicom.source import FileSource
from filmroom.errors import DicomError

pytestmark = pytest.mark.shared

IDENTIFIER = "illegal-identifier"
# By the notes of the files' manifest and their bytes; every file that is not named here is accepted.
OUTCOMES = {
    "charset/chrSQEncoding.dcm": IDENTIFIER,
    "charset/chrSQEncoding1.dcm": IDENTIFIER,
    "dicomdir/DICOMDIR": IDENTIFIER,
    "dicomdir/DICOMDIR-bigEnd": IDENTIFIER,
    "dicomdir/DICOMDIR-empty.dcm": IDENTIFIER,
    "dicomdir/DICOMDIR-implicit": IDENTIFIER,
    "dicomdir/DICOMDIR-nooffset": IDENTIFIER,
    "dicomdir/DICOMDIR-nopatient": IDENTIFIER,
    "dicomdir/DICOMDIR-reordered": IDENTIFIER,
    "dicomdir/TINY_ALPHA/DICOMDIR": IDENTIFIER,
    "dicomdir/README.txt": "not-dicom",
    "dicomdir/TINY_ALPHA/README": "not-dicom",
    "missing-patient-id/emri_small.dcm": IDENTIFIER,
    "missing-patient-id/example-mg.dcm": IDENTIFIER,
    "missing-patient-id/reportsi.dcm": IDENTIFIER,
    "missing-patient-id/test-SR.dcm": IDENTIFIER,
    "missing-uids/CT.1.3.12.2.1107.5.1.4.60064.30000022120808113428000016573": IDENTIFIER,
    "missing-uids/CT.1.3.12.2.1107.5.1.4.60064.30000022120808113428000016574": IDENTIFIER,
    "missing-uids/CT.1.3.12.2.1107.5.1.4.60064.30000022120808113428000016575": IDENTIFIER,
    "odd/ExplVR_BigEndNoMeta.dcm": IDENTIFIER,  # no PatientID
    "odd/ExplVR_LitEndNoMeta.dcm": IDENTIFIER,
    "odd/MR_truncated.dcm": "truncated",
    "odd/UN_sequence.dcm": IDENTIFIER,
    "odd/bad_sequence.dcm": IDENTIFIER,  # UIDs are hexadecimal
    "odd/empty_charset_LEI.dcm": IDENTIFIER,
    "odd/emri_small_jpeg_2k_lossless_too_short.dcm": "truncated",
    "odd/meta_missing_tsyntax.dcm": IDENTIFIER,
    "odd/nested_priv_SQ.dcm": IDENTIFIER,
    "odd/no_meta.dcm": "unreadable",  # one byte before its first element: at no place a data set
    "odd/no_meta_group_length.dcm": IDENTIFIER,
    "odd/priv_SQ.dcm": IDENTIFIER,
    "odd/reportsi_with_empty_number_tags.dcm": IDENTIFIER,  # PatientID is empty
    "odd/rtplan_truncated.dcm": "truncated",
    "odd/zipMR.gz": "not-dicom",
    "transfer-syntax/ExplVR_BigEnd.dcm": IDENTIFIER,  # no PatientID, as in all below
    "transfer-syntax/GDCMJ2K_TextGBR.dcm": IDENTIFIER,
    "transfer-syntax/HTJ2KLossless_08_RGB.dcm": IDENTIFIER,
    "transfer-syntax/HTJ2K_08_RGB.dcm": IDENTIFIER,
    "transfer-syntax/JLSL_08_07_0_1F.dcm": IDENTIFIER,
    "transfer-syntax/JLSN_RGB_ILV0.dcm": IDENTIFIER,
    "transfer-syntax/JPEGLSNearLossless_08.dcm": IDENTIFIER,
    "transfer-syntax/JPEGLSNearLossless_16.dcm": IDENTIFIER,
    "transfer-syntax/JPGLosslessP14SV1_1s_1f_8b.dcm": IDENTIFIER,
    "transfer-syntax/SC_rgb_jls_lossy_sample.dcm": IDENTIFIER,
    "transfer-syntax/color-pl.dcm": IDENTIFIER,
    "transfer-syntax/emri_small_RLE.dcm": IDENTIFIER,
    "transfer-syntax/emri_small_big_endian.dcm": IDENTIFIER,
    "transfer-syntax/emri_small_jpeg_2k_lossless.dcm": IDENTIFIER,
    "transfer-syntax/emri_small_jpeg_ls_lossless.dcm": IDENTIFIER,
    "transfer-syntax/image_dfl.dcm": IDENTIFIER,
}


def outcomes(folder: Path) -> dict[str, str]:
    """The outcome of reading every file below a folder: ``accepted`` or the reason of the refusal."""
    table = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with FileSource(path) as source:
                try:
                    read_header(source, path.name)
                    outcome = "accepted"
                except DicomError as error:
                    outcome = error.reason
            table[str(path.relative_to(folder))] = outcome
    return table


def test_every_fixture_has_the_outcome_that_its_notes_suggest(shared_dicom: Path) -> None:
    table = outcomes(shared_dicom / "fixtures")
    assert len(table) == 182
    assert {name: outcome for name, outcome in table.items() if outcome != "accepted"} == OUTCOMES


def test_the_whole_archive_is_accepted(shared_dicom: Path) -> None:
    table = outcomes(shared_dicom / "archive")
    assert (len(table), set(table.values())) == (445, {"accepted"})
