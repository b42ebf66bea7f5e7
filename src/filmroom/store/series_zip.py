"""The ZIPs of one series as NBIA delivers them: member names, LICENSE and MD5 list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

from filmroom.model.entities import SeriesContent, StoredBytes, StoredInstance
from filmroom.model.policy import Attribution
from filmroom.store.zip_layout import Entry, ZipLayout

Names = Literal["numbered", "acquisition"]

LICENSE_NAME = "LICENSE"
MD5_NAME = "md5hashes.csv"
_MISSING = "Not Specified"


def licence_text(content: SeriesContent, attribution: Attribution | None = None) -> str:
    """Return the text of a series' LICENSE member: its licence, the agreement that it comes under, and, of a
    mirror, where its data come from."""
    further = [content.agreement] if content.agreement else []
    if attribution is not None:
        further.append(attribution.text)
    return (
        f"License Information. The {content.collection or _MISSING} collection is distributed under the "
        f"{content.licence_name or _MISSING} at {content.licence_url or _MISSING} By downloading the data, "
        "you agree to abide by terms of this license.\n" + "\n\n".join(further)
    )


def member_names(content: SeriesContent, names: Names) -> Iterator[tuple[str, StoredInstance]]:
    """Yield member name and instance, in order.

    ``numbered``: ``00000001.dcm`` and so on. ``acquisition``: ``A-I.dcm``, where A counts the acquisitions
    and I the instances inside one, padded to the digits of the number of distinct acquisition and instance
    numbers in the series.
    """
    instances = content.instances
    if names == "numbered":
        for index, instance in enumerate(instances, 1):
            yield f"{index:08d}.dcm", instance
        return
    width_a = len(str(len({instance.acquisition_number for instance in instances})))
    width_i = len(str(len({instance.instance_number for instance in instances})))
    groups = groupby(instances, key=lambda instance: instance.acquisition_number)
    for acquisition, (_, members) in enumerate(groups, 1):
        for index, instance in enumerate(members, 1):
            yield f"{acquisition:0{width_a}d}-{index:0{width_i}d}.dcm", instance


def series_zip(
    content: SeriesContent, *, names: Names, licence: str | None, md5: bool, annotations: bool = False
) -> ZipLayout:
    """Plan the ZIP of a series.

    :param licence: text of the LICENSE member (see :func:`licence_text`); None leaves it out.
    :param md5: whether ``md5hashes.csv`` ends the archive.
    :param annotations: whether the annotation files follow the images, where the content has them.
    """
    entries: list[Entry] = []
    if licence is not None:
        entries.append((LICENSE_NAME, licence.encode("utf-8", "replace")))
    members: list[tuple[str, StoredBytes]] = list(member_names(content, names))
    if annotations:
        members += [(file.name, file) for file in content.annotations]
    entries += members
    if md5:
        entries.append((MD5_NAME, digest_list(members)))
    return ZipLayout.plan(entries)


def files_zip(content: SeriesContent) -> ZipLayout:
    """Plan the ZIP of the files of a series that are not DICOM; it is empty where there are none."""
    return ZipLayout.plan((file.name, file) for file in content.files)


def digest_list(members: Iterable[tuple[str, StoredBytes]]) -> bytes:
    """Return ``md5hashes.csv`` of some members."""
    rows = [f"{name},{item.md5.hex()}" for name, item in members]
    return "\n".join(["Filename,MD5Hash", *rows, ""]).encode()
