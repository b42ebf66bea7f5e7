"""Gives a checked series its names: those of its files, and the folder it is put in."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from filmroom.client.claims import claimed_folder, placing
from filmroom.client.layout import SeriesPlace
from filmroom.client.templates import FLAT, Layout, Values, plain_dcm_name
from filmroom.errors import BadAnswer, UnreadableDicom
from filmroom.model.naming import folded


@dataclass(frozen=True, slots=True)
class Naming:
    """How a series is to be named; ``collection`` is its collection's name where the layout asks for it."""

    layout: Layout = FLAT
    collection: str = ""


FLAT_NAMING = Naming()


def name_files(place: SeriesPlace, instances: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """Give the arrived files the names of the layout; return the former name of each under the new one.

    Files that would share a name, also on a file system that takes ``a`` for ``A``, get their SOP Instance
    UID behind it.

    :param instances: SOP Instance UID by name, for the images.
    :raises BadAnswer: when an image cannot be read.
    """
    former = {entry.name: entry.name for entry in place.files.iterdir()}
    if layout.file is None or not instances:
        return former
    wanted = {
        name: layout.file_name(_values(place, name, layout.file_keywords)) or name for name in instances
    }
    shares = Counter(map(folded, wanted.values()))
    for name, uid in instances.items():
        if shares[folded(wanted[name])] > 1:
            wanted[name] = plain_dcm_name(f"{wanted[name].removesuffix('.dcm')[:100]}-{uid}")
    renamed = place.partial / "renamed"
    if renamed.exists():
        shutil.rmtree(renamed)
    renamed.mkdir()
    for name in former:
        (place.files / name).rename(renamed / wanted.get(name, name))
    place.files.rmdir()
    renamed.rename(place.files)
    return {wanted.get(name, name): name for name in former}


@contextmanager
def chosen_folder(
    place: SeriesPlace, names: Mapping[str, str], image: str | None, naming: Naming
) -> Iterator[SeriesPlace]:
    """Yield the place with the folder that the series gets; until the end nobody else chooses one.

    A series that has a folder keeps it. The receipt is to be written before the end.

    :param names: files of the series. :param image: one of them whose values name the folder.
    :raises BadAnswer: when the image cannot be read.
    """
    layout = naming.layout
    if image is None or (layout.is_flat and place.relative in {None, place.uid}):
        yield place.at(place.relative or place.uid)
        return
    wanted = place.relative
    if wanted is None:
        values = dict(_values(place, image, layout.keywords))
        if naming.collection:
            values["Collection"] = naming.collection
            values["collection_id"] = naming.collection.lower().replace("-", "_").replace(" ", "_")
        wanted = layout.folder({**values, "SeriesInstanceUID": place.uid})
    with placing(place.target):
        yield place.at(claimed_folder(place, wanted, names))


def _values(place: SeriesPlace, name: str, keywords: frozenset[str]) -> Values:
    from filmroom.dicom.named_values import named_values

    try:
        return named_values(place.files / name, sorted(keywords))
    except UnreadableDicom as error:
        raise BadAnswer(str(error)) from error
