"""The TAR of one series as NBIA's download servlets deliver it."""

from __future__ import annotations

from collections.abc import Container

from filmroom.model.entities import SeriesContent
from filmroom.store.series_zip import MD5_NAME, digest_list, member_names
from filmroom.store.tar_layout import TarLayout
from filmroom.store.zip_layout import Entry


def series_tar(
    content: SeriesContent,
    *,
    new_names: bool = False,
    annotations: bool = False,
    md5: bool = False,
    without: Container[str] = (),
) -> TarLayout:
    """Plan the TAR of a series for the retriever: annotation files, images, ``md5hashes.csv``.

    Images are named ``<SOPInstanceUID>.dcm``.

    :param new_names: name them ``<SOPInstanceUID>^A-I.dcm``.
    :param md5: whether ``md5hashes.csv`` ends the archive; it has the ``A-I.dcm`` names in any case.
    :param without: SOP Instance UIDs of the images to leave out.
    """
    images = [
        (name, item)
        for name, item in member_names(content, "acquisition")
        if item.sop_instance_uid not in without
    ]
    entries: list[Entry] = [(file.name, file) for file in content.annotations] if annotations else []
    for name, item in images:
        uid = item.sop_instance_uid
        entries.append((f"{uid}^{name}" if new_names else f"{uid}.dcm", item))
    if md5:
        entries.append((MD5_NAME, digest_list(images)))
    return TarLayout.plan(entries)
