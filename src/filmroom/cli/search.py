"""The commands ``search``, ``counts`` and ``tags``: patients by criteria or words, numbers, attributes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmroom.cli import completion
from filmroom.cli.browse import (
    ApiOption,
    BodyPartOption,
    CollectionOption,
    FormatOption,
    ModalityOption,
    OfflineOption,
    ServerOption,
    make_client,
)
from filmroom.cli.output import Format, print_records, remark
from filmroom.errors import InvalidInput, StoreError

if TYPE_CHECKING:
    from filmroom.client import Client, Range, SimpleSearch

_COLUMNS = (
    "patient_id",
    "collection",
    "modalities",
    "body_parts",
    "matching_series",
    "total_studies",
    "total_series",
)
_TEXT_COLUMNS = ("patient_id", "collection", "matching_series", "excerpt")
_RANGE = re.compile(r"([0-9]*\.?[0-9]*)-([0-9]*\.?[0-9]*)")
_CRITERIA = "Criteria"
_RESULT = "The result"


class Counted(StrEnum):
    """What can be counted."""

    COLLECTION = "collection"
    MODALITY = "modality"
    BODY_PART = "body-part"
    MANUFACTURER = "manufacturer"
    SPECIES = "species"


_COUNTED_COLUMNS = {"body-part": "body_part_examined", "species": "species_code"}


class Sort(StrEnum):
    """Orders of a result, as the API names them."""

    COLLECTION = "collection"
    SUBJECT = "subject"
    STUDY = "study"
    SERIES = "series"
    TOTAL_STUDIES = "totalNumberOfStudies"
    TOTAL_SERIES = "totalNumberOfSeries"


def _many(*names: str, what: str, metavar: str = "VALUE") -> Any:
    return typer.Option(*names, help=what, metavar=metavar, rich_help_panel=_CRITERIA, show_default=False)


def _day(name: str, what: str) -> Any:
    return typer.Option(
        name, help=what, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", rich_help_panel=_CRITERIA
    )


Many = list[str] | None


def search(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help='Words that the series hold: "a phrase", begin*, one OR other; without any criterion.',
            metavar="WORD",
        ),
    ] = None,
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    offline: OfflineOption = False,
    collection: Annotated[
        Many,
        typer.Option(
            "--collection",
            "-c",
            help="Of this collection.",
            metavar="VALUE",
            rich_help_panel=_CRITERIA,
            show_default=False,
            autocompletion=completion.collections,
        ),
    ] = None,
    modality: Annotated[Many, _many("--modality", "-m", what="With series of this modality.")] = None,
    all_modalities: Annotated[
        bool,
        typer.Option(
            "--all-modalities", help="With all of the modalities, not any.", rich_help_panel=_CRITERIA
        ),
    ] = False,
    body_part: Annotated[
        Many, _many("--body-part", what="Of this body part; NOT SPECIFIED for none.")
    ] = None,
    manufacturer: Annotated[
        Many, _many("--manufacturer", what="Of this maker, MAKER||MODEL or MAKER||MODEL||SOFTWARE.")
    ] = None,
    species: Annotated[Many, _many("--species", what="Of this species, by its SNOMED CT code.")] = None,
    sex: Annotated[Many, _many("--sex", what="Of this sex: M, F, O, or Null for none.")] = None,
    patient: Annotated[Many, _many("--patient", "-p", what="This patient ID; * for any characters.")] = None,
    study: Annotated[Many, _many("--study", what="This Study Instance UID.", metavar="UID")] = None,
    series: Annotated[Many, _many("--series", what="This Series Instance UID.", metavar="UID")] = None,
    description: Annotated[
        Many, _many("--description", what="Words of a description of a study or series, or of a protocol.")
    ] = None,
    since: Annotated[datetime | None, _day("--released-from", "Released on this day or later.")] = None,
    until: Annotated[datetime | None, _day("--released-to", "Released on this day or before.")] = None,
    age: Annotated[Many, _many("--age", what="Aged so many years.", metavar="LOW-HIGH")] = None,
    spacing: Annotated[
        Many, _many("--spacing", what="Pixels so far apart, in mm.", metavar="LOW-HIGH")
    ] = None,
    thickness: Annotated[
        Many, _many("--thickness", what="Slices so thick, in mm.", metavar="LOW-HIGH")
    ] = None,
    min_studies: Annotated[
        int | None,
        typer.Option("--min-studies", min=1, help="With so many studies.", rich_help_panel=_CRITERIA),
    ] = None,
    phantoms: Annotated[
        bool | None,
        typer.Option("--phantoms/--no-phantoms", help="Only phantoms, or none.", rich_help_panel=_CRITERIA),
    ] = None,
    third_party: Annotated[
        bool | None,
        typer.Option(
            "--third-party/--no-third-party",
            help="Only analyses by third parties, or none.",
            rich_help_panel=_CRITERIA,
        ),
    ] = None,
    commercial: Annotated[
        bool,
        typer.Option("--commercial", help="Only what may be used commercially.", rich_help_panel=_CRITERIA),
    ] = False,
    start: Annotated[
        int, typer.Option("--start", min=0, help="Patients to pass over.", rich_help_panel=_RESULT)
    ] = 0,
    size: Annotated[
        int, typer.Option("--size", min=0, help="Patients to show; 0 for all.", rich_help_panel=_RESULT)
    ] = 100,
    sort: Annotated[Sort, typer.Option("--sort", help="Order.", rich_help_panel=_RESULT)] = Sort.SUBJECT,
    descending: Annotated[
        bool, typer.Option("--descending", help="The other way round.", rich_help_panel=_RESULT)
    ] = False,
    uids: Annotated[
        bool,
        typer.Option(
            "--uids", help="Print the UIDs of the series of the whole result.", rich_help_panel=_RESULT
        ),
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", help="Write them to a .tcia manifest.", metavar="FILE", rich_help_panel=_RESULT
        ),
    ] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Find patients by criteria on their series, or by words.

    Several values of one criterion are alternatives; several criteria must all hold.
    """
    from filmroom.client import Days, Equipment, SimpleSearch

    released = Days(since.date() if since else None, until.date() if until else None)
    criteria = SimpleSearch(
        collections=tuple(collection or ()),
        species=tuple(species or ()),
        modalities=tuple(modality or ()),
        all_modalities=all_modalities,
        body_parts=tuple(body_part or ()),
        sexes=tuple(sex or ()),
        equipment=tuple(Equipment(*each.split("||", 2)) for each in manufacturer or ()),
        released=(released,) if since or until else (),
        ages=_ranges("--age", age),
        pixel_spacings=_ranges("--spacing", spacing),
        slice_thicknesses=_ranges("--thickness", thickness),
        descriptions=tuple(description or ()),
        patient_ids=tuple(patient or ()),
        study_instance_uids=tuple(study or ()),
        series_instance_uids=tuple(series or ()),
        more_studies_than=() if min_studies is None else (min_studies - 1,),
        phantoms=() if phantoms is None else (phantoms,),
        third_party=() if third_party is None else (third_party,),
        commercial_only=commercial,
    )
    words = " ".join(text or ())
    if words and criteria != SimpleSearch():
        raise InvalidInput("Words and criteria are searched one without the other.")
    if not words and criteria == SimpleSearch():
        raise InvalidInput(
            "Nothing to search for.", advice="Give words, or a criterion such as --modality CT."
        )
    with make_client(server, api, offline=offline) as client:
        if uids or manifest is not None:
            _series(client, words, criteria, manifest, fmt)
            return
        page: dict[str, Any] = {"start": start, "size": size or None, "sort": sort, "descending": descending}
        _patients(client, words, criteria, page, fmt)


def _patients(client: Client, words: str, criteria: SimpleSearch, page: dict[str, Any], fmt: Format) -> None:
    found = client.text_search(words, **page) if words else client.search(criteria, **page)
    rows, total = found.patients.to_dicts(), found.total
    for row in rows:
        row["matching_series"] = sum(len(study["series"]) for study in row["studies"])
    shown = rows if fmt is Format.JSON else [row | _in_cells(row) for row in rows]
    print_records(shown, _TEXT_COLUMNS if words else _COLUMNS, fmt)
    if len(rows) < total:
        remark(f"{len(rows)} of {total} patients; --start and --size show others.")


def _in_cells(row: dict[str, Any]) -> dict[str, str]:
    """Return as plain text what of a row is none."""
    cells = {name: ", ".join(row[name]) for name in ("modalities", "body_parts") if name in row}
    return cells | ({"excerpt": _plain_text(row["excerpt"])} if "excerpt" in row else {})


def _series(client: Client, words: str, criteria: SimpleSearch, manifest: Path | None, fmt: Format) -> None:
    uids = client.text_search_series(words) if words else client.search_series(criteria)
    if manifest is None:
        print_records([{"series_instance_uid": uid} for uid in uids], ("series_instance_uid",), fmt)
        return
    if not uids:
        raise InvalidInput("The search finds no series; no manifest is written.")
    from filmroom.wire.manifest import manifest_lines

    name = f"manifest-{time.time_ns() // 1_000_000}.tcia"
    lines = manifest_lines(client.base_url, uids, include_annotation=True, name=name)
    try:
        manifest.write_text("".join(lines), encoding="utf-8", newline="")
    except OSError as error:
        raise StoreError(f"{manifest} cannot be written: {error.strerror}.") from error
    remark(f"{len(uids)} series: filmroom download --manifest {manifest}")


def _ranges(option: str, texts: Many) -> tuple[Range, ...]:
    from filmroom.client import Range

    found = []
    for text in texts or ():
        match = _RANGE.fullmatch(text.strip())
        bounds = [float(part) if part.strip(".") else None for part in match.groups()] if match else []
        if not any(bound is not None for bound in bounds):
            raise InvalidInput(f"{option} is LOW-HIGH, LOW- or -HIGH, not {text[:40]!r}.")
        found.append(Range(*bounds))
    return tuple(found)


def _plain_text(excerpt: str) -> str:
    """Return the text of an excerpt, which is HTML."""
    import html

    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", excerpt)).split())


def counts(
    of: Annotated[Counted, typer.Argument(help="What to count.", metavar="WHAT")],
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    offline: OfflineOption = False,
    collection: CollectionOption = None,
    modality: ModalityOption = None,
    body_part: BodyPartOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Count patients by collection, modality, body-part, manufacturer or species."""
    column = _COUNTED_COLUMNS.get(of, of.value)
    with make_client(server, api, offline=offline) as client:
        found = client.counts(
            column,  # type: ignore[arg-type]
            collection=collection,
            modality=modality,
            body_part_examined=body_part,
        )
        print_records(found.to_dicts(), ("value", "patients"), fmt)


def tags(
    series: Annotated[str, typer.Argument(help="Series Instance UID.", metavar="SERIES")],
    image: Annotated[
        str | None,
        typer.Option("--image", help="Of this SOP Instance UID; default: the first object.", metavar="UID"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="Elements such as 0018,0050, or words of their names.", metavar="ELEMENT"
        ),
    ] = None,
    *,
    references: Annotated[
        bool,
        typer.Option("--references", help="Print the series that a segmentation was made on instead."),
    ] = False,
    server: ServerOption = None,
    api: ApiOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Print the DICOM attributes of an object, up to its pixels, without fetching it."""
    with make_client(server, api) as client:
        if references:
            found = client.referenced_series(series)
            print_records([{"series_instance_uid": uid} for uid in found], ("series_instance_uid",), fmt)
            return
        rows = client.tags(series, image).to_dicts()
    wanted = [each.strip("()").lower() for each in only or ()]
    shown = [
        row
        for row in rows
        if not wanted
        or any(each in row["element"].lower() or each in (row["name"] or "").lower() for each in wanted)
    ]
    print_records(shown, ("element", "name", "data"), fmt)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    examples: dict[Callable[..., None], str] = {
        search: "Examples: filmroom search -c LIDC-IDRI -m CT -m SEG --all-modalities --manifest cart.tcia; "
        'filmroom search "lung nodule" --uids --format csv',
        counts: "Example: filmroom counts modality --collection TCGA-LUAD --format json",
        tags: "Example: filmroom tags 1.3.6.1.4.1.14519.5.2.1.7085.2626 --only 0018,0050",
    }
    for command, example in examples.items():
        app.command(epilog=example, rich_help_panel="Ask a server")(command)
