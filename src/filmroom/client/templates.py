"""Layouts: how the folder of a series, and its files, are named from what the images say.

``flat`` is a folder per series as tcia_utils makes it; ``classic`` and ``descriptive`` are those of NBIA's
Data Retriever; ``idc`` is the default of idc-index. Anything else is a template such as
``%PatientID/%Modality-%SeriesNumber/%InstanceNumber.dcm``: ``%`` and a DICOM keyword, ``%Collection`` or
``%collection_id``. A last part that ends in ``.dcm`` names the files, else they have the server's names.

What a value brings can never lead out of its part of the path: see :func:`filmroom.model.naming.made_plain`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from filmroom.errors import InvalidInput
from filmroom.model.naming import LONGEST_NAME, made_plain

Values = Mapping[str, str]
"""Keyword to text; keywords without a value are absent."""

COLLECTION_WORDS = frozenset({"Collection", "collection_id"})
"""What no image says: it is asked of the server."""

DESCRIPTIVE = "descriptive"
NAMED = {
    "flat": "%SeriesInstanceUID",
    "classic": "%Collection/%PatientID/%StudyInstanceUID/%SeriesInstanceUID",
    "idc": "%collection_id/%PatientID/%StudyInstanceUID/%Modality_%SeriesInstanceUID",
    DESCRIPTIVE: "%Collection/%PatientID/%StudyDate-%StudyID-%StudyDescription-%StudyInstanceUID/"
    "%SeriesNumber-%SeriesDescription-%SeriesInstanceUID",
}
"""The layouts that have names; what ``descriptive`` does to the values is in :func:`_described`."""

_WORD = re.compile(r"%(collection_id|[A-Za-z][A-Za-z0-9]*)")
_ABSENT = "NA"
_LONGEST_DESCRIPTION = 53
_UID_END = 5
_LONGEST_TEMPLATE = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout, made by :meth:`parse`; ``text`` is what was parsed."""

    text: str
    folders: tuple[str, ...]
    file: str | None

    @classmethod
    def parse(cls, text: str) -> Layout:
        """Return a layout by its name, or from a template. :raises InvalidInput: when it is neither."""
        template = NAMED.get(text, text)
        *folders, last = template.split("/")
        file = last if last.lower().endswith(".dcm") else None
        if file is None:
            folders.append(last)
        layout = cls(text, tuple(folders), file)
        if text not in NAMED:
            _check(layout)
        return layout

    @property
    def is_flat(self) -> bool:
        """Whether the UID alone says where a series lies."""
        return self.text == "flat"

    @property
    def needs_collection(self) -> bool:
        """Whether the name of the collection is part of a name."""
        return bool(COLLECTION_WORDS & _words("/".join((*self.folders, self.file or ""))))

    @property
    def has_collection_folder(self) -> bool:
        """Whether the outermost folder is that of a collection."""
        return _words(self.folders[0]) <= COLLECTION_WORDS

    @property
    def keywords(self) -> frozenset[str]:
        """Keywords of the attributes that are read from an image for its series' folder."""
        return _words("/".join(self.folders)) - COLLECTION_WORDS

    @property
    def file_keywords(self) -> frozenset[str]:
        """Keywords of the attributes that are read from each image for its name."""
        return _words(self.file or "") - COLLECTION_WORDS

    def folder(self, values: Values) -> str:
        """Return the folder of a series, relative, with slashes."""
        if self.text == DESCRIPTIVE:
            parts = _described(values)
        else:
            parts = [_filled(part, values) for part in self.folders]
        return "/".join(made_plain(part) or _ABSENT for part in parts)

    def file_name(self, values: Values) -> str | None:
        """Return the name of a file, None where it keeps the server's."""
        if self.file is None:
            return None
        return plain_dcm_name(_filled(self.file[: -len(".dcm")], values))


FLAT = Layout.parse("flat")


def plain_dcm_name(stem: str) -> str:
    """Return a plain file name with the ending of DICOM files; the ending survives a cut."""
    plain = made_plain(stem) or _ABSENT
    cut = plain.encode()[: LONGEST_NAME - len("_.dcm")].decode(errors="ignore")
    return made_plain(f"{cut}.dcm")


def _words(template: str) -> frozenset[str]:
    return frozenset(_WORD.findall(template))


def _check(layout: Layout) -> None:
    from filmroom.dicom.named_values import is_named_value

    parts = [*layout.folders, *([layout.file] if layout.file else [])]
    shown = repr(layout.text[:80])
    if len(layout.text) > _LONGEST_TEMPLATE or not layout.folders:
        raise InvalidInput(
            f"The layout {shown} gives a series no folder of its own.",
            advice="Put a folder before the file's name: %SeriesInstanceUID/%InstanceNumber.dcm",
        )
    if not any(map(_words, layout.folders)):
        raise InvalidInput(
            f"There is no layout {shown}.",
            advice=f"Known are {', '.join(NAMED)}; or give a template such as %PatientID/%SeriesInstanceUID.",
        )
    for part in parts:
        if not part.strip() or part in {".", ".."} or "%" in _WORD.sub("", part) or "\\" in part:
            raise InvalidInput(
                f"The layout {shown} has an illegal part: {part[:80]!r}.",
                advice="Parts are separated by single slashes and name attributes as %Keyword.",
            )
    for word in sorted(_words("/".join(parts)) - COLLECTION_WORDS):
        if not is_named_value(word):
            from pydicom.datadict import keyword_dict

            near = get_close_matches(word, keyword_dict, 1)
            hint = f" Did you mean %{near[0]}?" if near else ""
            raise InvalidInput(
                f"The layout {shown} names no attribute with a short value: %{word[:64]}.{hint}"
            )


def _filled(part: str, values: Values) -> str:
    return _WORD.sub(lambda match: values.get(match[1], "").replace("\\", "-") or _ABSENT, part)


def _described(values: Values) -> list[str]:
    """Return the parts of the Data Retriever's descriptive folders: blank pieces go with their hyphens."""

    def value(keyword: str, longest: int | None = None) -> str:
        return values.get(keyword, "").strip()[:longest].replace("/", "-")

    study = (
        us_date(value("StudyDate")),
        value("StudyID"),
        value("StudyDescription", _LONGEST_DESCRIPTION),
        value("StudyInstanceUID")[-_UID_END:],
    )
    series = (
        _java_number(value("SeriesNumber")),
        value("SeriesDescription", _LONGEST_DESCRIPTION),
        value("SeriesInstanceUID")[-_UID_END:],
    )
    return [
        value("Collection"),
        value("PatientID"),
        "-".join(filter(None, study)),
        "-".join(filter(None, series)),
    ]


def us_date(text: str) -> str:
    try:
        return dt.datetime.strptime(text, "%Y%m%d").strftime("%m-%d-%Y")  # noqa: DTZ007 - a day, no instant
    except ValueError:
        return text


def _java_number(text: str) -> str:
    try:
        return f"{float(text):f}"
    except ValueError:
        return text
