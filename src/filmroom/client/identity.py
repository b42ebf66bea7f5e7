"""Which object a file is."""

from __future__ import annotations

from pathlib import Path

from filmroom.errors import BadAnswer, DicomError


def read_identity(path: Path) -> tuple[str, str, str]:
    """Return series and SOP Instance UID of a DICOM file, and what is wrong with the file otherwise.

    A file that the server itself holds damaged is still delivered; that it is damaged is said.

    :raises BadAnswer: when it is not DICOM or names no UIDs.
    """
    from filmroom.dicom.header import read_header
    from filmroom.dicom.source import FileSource

    try:
        with FileSource(path) as source:
            values = read_header(source, path.name).values
        return str(values["series_instance_uid"]), str(values["sop_instance_uid"]), ""
    except DicomError as error:
        remark = str(error)
    import pydicom

    try:
        dataset = pydicom.dcmread(
            path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "SOPInstanceUID"]
        )
        return str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID), remark
    except Exception as error:
        raise BadAnswer(f"{path.name} is not usable DICOM: {remark}") from error
