"""Commands that ask a server what it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmroom.cli import completion
from filmroom.cli.output import Format, print_records, remark

if TYPE_CHECKING:
    from filmroom.client import Client, Records

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="Server to ask; default: FILMROOM_SERVER, else the public TCIA service.",
        metavar="URL",
    ),
]
ApiOption = Annotated[
    str | None,
    typer.Option(
        "--api",
        help="Version of the NBIA API: v4, v2, v1; default: the newest that the server knows.",
        metavar="VERSION",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]
CollectionOption = Annotated[
    str | None,
    typer.Option("--collection", "-c", help="Only this collection.", autocompletion=completion.collections),
]
PatientOption = Annotated[str | None, typer.Option("--patient", "-p", help="Only this patient ID.")]
StudyOption = Annotated[
    str | None, typer.Option("--study", help="Only this Study Instance UID.", metavar="UID")
]
ModalityOption = Annotated[str | None, typer.Option("--modality", "-m", help="Only this modality.")]
BodyPartOption = Annotated[str | None, typer.Option("--body-part", help="Only this body part.")]
ManufacturerOption = Annotated[str | None, typer.Option("--manufacturer", help="Only this manufacturer.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Only this model of scanner.")]

OfflineOption = Annotated[
    bool,
    typer.Option("--offline", help="Answer from the snapshot that `filmroom sync` made, not the server."),
]

_PATIENT_COLUMNS = ("patient_id", "collection", "patient_sex", "species_description")
_STUDY_COLUMNS = (
    "study_instance_uid",
    "collection",
    "patient_id",
    "study_date",
    "study_desc",
    "series_count",
)
_SERIES_COLUMNS = (
    "series_instance_uid",
    "collection",
    "patient_id",
    "modality",
    "series_date",
    "series_desc",
    "image_count",
    "file_size",
)

_SLIDE_COLUMNS = ("id", "collection", "subject_id", "name", "width", "height", "size", "viewer_url")


def make_client(
    server: str | None,
    api: str | None = None,
    *,
    by_hand: bool = True,
    offline: bool = False,
    **options: Any,
) -> Client:
    """Return the client that a command's options and the environment name.

    :param by_hand: whether a person named the server. A login that the environment has for no server in
        particular goes to such a one alone: never to the default one, or to one that a file names.
    :param offline: answer from a snapshot, of which a person is told how old it is.
    """
    from filmroom import settings
    from filmroom.client import Client
    from filmroom.client.credentials import environment_credentials

    if server and by_hand and not settings.get("server"):
        who = environment_credentials()
        options |= who.arguments if who is not None else {}
    client = Client(server, api=api, snapshot=offline, **options)  # type: ignore[arg-type]
    if client.snapshot is not None:
        info = client.snapshot.info
        remark(f"From the snapshot of {info.server}, {info.age_in_words}.")
    return client


def _print(records: Records[Any], columns: Sequence[str], fmt: Format) -> None:
    rows = records.to_dicts()
    shown = columns if fmt is Format.TABLE else records.columns
    print_records(rows, shown, fmt)


def collections(
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    offline: OfflineOption = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the collections."""
    with make_client(server, api, offline=offline) as client:
        print_records([{"collection": name} for name in client.collections()], ("collection",), fmt)


def patients(
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    collection: CollectionOption = None,
    patient: PatientOption = None,
    modality: ModalityOption = None,
    offline: OfflineOption = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List patients."""
    with make_client(server, api, offline=offline) as client:
        found = client.patients(collection=collection, patient_id=patient, modality=modality)
        _print(found, _PATIENT_COLUMNS if modality is None else ("patient_id",), fmt)


def studies(
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    collection: CollectionOption = None,
    patient: PatientOption = None,
    study: StudyOption = None,
    offline: OfflineOption = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List studies."""
    with make_client(server, api, offline=offline) as client:
        found = client.studies(collection=collection, patient_id=patient, study_instance_uid=study)
        _print(found, _STUDY_COLUMNS, fmt)


def series(
    ctx: typer.Context,
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    collection: CollectionOption = None,
    patient: PatientOption = None,
    study: StudyOption = None,
    uid: Annotated[
        str | None, typer.Option("--series", help="Only this Series Instance UID.", metavar="UID")
    ] = None,
    modality: ModalityOption = None,
    body_part: BodyPartOption = None,
    manufacturer: ManufacturerOption = None,
    model: ModelOption = None,
    offline: OfflineOption = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List series; below it, files of series that are not DICOM."""
    if ctx.invoked_subcommand is not None:
        return
    with make_client(server, api, offline=offline) as client:
        found = client.series(
            collection=collection,
            patient_id=patient,
            study_instance_uid=study,
            series_instance_uid=uid,
            modality=modality,
            body_part_examined=body_part,
            manufacturer=manufacturer,
            manufacturer_model_name=model,
        )
        _print(found, _SERIES_COLUMNS, fmt)


def slides(
    *,
    server: ServerOption = None,
    api: ApiOption = None,
    collection: CollectionOption = None,
    patient: PatientOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List whole-slide images, with the addresses of their files and of the viewer.

    They come from the server's PathDB; for TCIA, from its own at pathdb.cancerimagingarchive.net.
    """
    with make_client(server, api) as client:
        _print(client.slides(collection=collection, subject=patient), _SLIDE_COLUMNS, fmt)


_EXAMPLES: dict[Callable[..., None], str] = {
    collections: "Example: filmroom collections --server http://127.0.0.1:8080",
    patients: "Example: filmroom patients --collection TCGA-LUAD --format csv",
    studies: "Example: filmroom studies --patient TCGA-38-4625 --offline",
    slides: "Example: filmroom slides --collection CPTAC-LUAD --format csv",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command, example in _EXAMPLES.items():
        app.command(epilog=example, rich_help_panel="Ask a server")(command)
