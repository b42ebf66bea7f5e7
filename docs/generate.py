"""Write the reference pages from the tables they describe; ``--check`` fails when one is stale."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import typer
from typer.main import get_command

from filmroom import datacite, idc, nbia, pathdb, utils, wordpress
from filmroom.cli.app import app
from filmroom.cli.errors import EXIT_CODES
from filmroom.dropin.calls import CALLS
from filmroom.dropin.collection_pages import RESOURCES
from filmroom.model.attributes import ATTRIBUTES
from filmroom.settings import SETTINGS
from filmroom.testing.permissions import Answer, Caller, Standing, expected
from filmroom.wire.login import LOGOUT_PATHS, TOKEN_ANSWER, TOKEN_FIELDS, TOKEN_PATHS
from filmroom.wire.operations import OPERATIONS, ROOTS, Operation
from filmroom.wire.operations.legacy import REPLACED_OPERATIONS
from filmroom.wire.pathdb import COLLECTIONS_PATH, IMAGES_PATH
from filmroom.wire.successors import common_differences, differences, example_calls
from filmroom.wire.views import View

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/generate.py from the tables in the code; edit those. -->\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Every setting with its environment variable and default."""
    rows = [
        (f"`{setting.variable}`", f"`{setting.default}`" if setting.default else "", setting.help)
        for setting in SETTINGS
    ]
    return (
        "# Settings\n\nAn option on the command line beats the environment, the environment beats the "
        "default. A folder given with `--data` is taken whole: addresses in the environment do not mix with "
        "it.\n\n" + table(("environment variable", "default", "meaning"), rows)
    )


def attributes_page() -> str:
    """Every indexed DICOM attribute."""
    rows = [
        (
            f"({a.tag >> 16:04X},{a.tag & 0xFFFF:04X})",
            a.keyword + (" *" if a.required else ""),
            a.vr,
            a.level,
            f"`{a.column}`",
            f"{a.kind}, at most {a.length} characters" if a.kind == "text" else a.kind,
            a.unit,
            f"PS3.3 {a.section}",
        )
        for a in ATTRIBUTES
    ]
    head = ("tag", "attribute", "VR", "level", "column", "kept as", "unit", "defined in")
    return (
        "# DICOM attributes\n\nWhat the archive indexes at ingest. An object without one that is marked * is "
        "refused. Patient, study and series take the first value that is not empty.\n\n" + table(head, rows)
    )


def operations_page() -> str:
    """Every operation with its parameters and columns."""
    parts = [
        "# NBIA operations\n\nThose of NBIA answer below "
        + " and ".join(f"`{root}/<version>/`" for root in ROOTS)
        + ". Parameters marked * are required; those of `POST` come as a form. No rows: status "
        "200 and an empty body, unless said otherwise.\n"
    ]
    parts.append(_login_section())
    for operation in OPERATIONS:
        parts.append(f"\n## {operation.version or 'unversioned'} {operation.name}\n\n{operation.summary}\n\n")
        methods = " or ".join(f"`{method}`" for method in operation.methods if method != "HEAD")
        parts.append(f"{methods} `{operation.path}`{_elsewhere(operation)}\n\n")
        rows = [
            (f"`{p.name}`" + (" *" if p.required else ""), p.help, f"`{p.example}`" if p.example else "")
            for p in operation.parameters
        ]
        parts.append(table(("parameter", "meaning", "example"), rows) if rows else "No parameters.\n")
        if operation.view is not None:
            parts.append(f"\nColumns: {_columns(operation.view)}.\n")
        if operation.notes:
            parts.append(f"\n{operation.notes}\n")
    return "".join(parts)


def _login_section() -> str:
    """Where tokens are issued and logins end."""
    fields = [(f"`{f.name}`" + (" *" if f.required else ""), f.help) for f in TOKEN_FIELDS]
    return (
        f"\n## Tokens\n\n`POST` {', '.join(f'`{path}`' for path in TOKEN_PATHS)}, a form; the answer is "
        f"JSON: {', '.join(f'`{key}`' for key in TOKEN_ANSWER)}.\n\n{table(('field', 'meaning'), fields)}"
        f"\n`POST` {', '.join(f'`{path}`' for path in LOGOUT_PATHS)} with the token ends its login.\n"
    )


def _elsewhere(operation: Operation) -> str:
    """Name the other paths of an operation that has paths of its own, and what has come after it."""
    text = "".join(f", also `{path}`" for path in operation.paths[1:] if operation.roots)
    if operation.successor is not None:
        text += f". Deprecated: use `{operation.successor.path}`; [what differs](migration.md)"
    return text


def migration_page() -> str:
    """Every old operation with its successor."""
    common = common_differences(REPLACED_OPERATIONS)
    parts = [
        "# From the API of before 2022\n\nUntil 22 June 2022 TCIA answered below `/services/v3` and "
        "`/services/v4`, on the platform Bindaas. Filmroom still answers these calls, and those of the "
        "generation before them, whose parameters are written with underscores, unless the setting "
        "`FILMROOM_LEGACY_API` is `no`. Each answer has the headers `Deprecation`, `Sunset` (the day TCIA "
        "ended the API; here it is answered for as long as the setting says) and `Link` with the "
        "successor. Add `/metadata` to the path of a call for its parameters and columns.\n\n"
        "For all of them:\n\n" + _items(common)
    ]
    for operation in REPLACED_OPERATIONS:
        old, new = example_calls(operation)
        own = [sentence for sentence in differences(operation) if sentence not in common]
        parts.append(f"\n## {operation.name}\n\n")
        parts.append(table(("then", "today"), [(f"`{old}`", f"`{new}`")]))
        parts.append(f"\n{_items(own)}" if own else "")
    return "".join(parts)


_MARKS = {
    Standing.PUBLIC: "P",
    Standing.DOWNLOADABLE: "12",
    Standing.UNREVIEWED: "0",
    Standing.GRANTED: "G",
    Standing.SEALED: "S",
}


def permissions_page() -> str:
    """Which series each operation shows to whom; the tests ask a server every one of these questions."""
    head = ["operation", *(caller.value for caller in Caller)]
    rows = [
        (f"`{operation.label}`", *(_permission(operation, caller) for caller in Caller))
        for operation in OPERATIONS
    ]
    marks = "".join(f"- **{mark}**: {standing.value}\n" for standing, mark in _MARKS.items())
    return (
        "# Who sees what\n\nWhich series each operation shows to whom. What is not shown is answered, to the "
        "byte, as if it did not exist. The tests ask a server each of these questions about real series.\n\n"
        + marks
        + "- **(G)**: refused until the data usage agreement is accepted, with the address where to accept\n"
        "- **401**: a valid token is needed\n- none: the answer tells nothing of a series\n\n"
        "The grants are `NCIA.READ` on the collection of **G**. *Every role*: all roles of NBIA there and on "
        "the public collection. Of these only `NCIA.READ` shows series, and "
        "`NCIA.MANAGE_VISIBILITY_STATUS` the state of those in review.\n\n" + table(head, rows)
    )


def _permission(operation: Operation, caller: Caller) -> str:
    answers = {standing: expected(operation, caller, standing) for standing in Standing}
    if set(answers.values()) == {Answer.LOGIN}:
        return "401"
    asked = (Answer.SHOWN, Answer.AGREEMENT)
    marks = [
        mark if answers[standing] is Answer.SHOWN else f"({mark})"
        for standing, mark in _MARKS.items()
        if answers[standing] in asked
    ]
    return " ".join(marks) or "none"


def _items(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _columns(view: View) -> str:
    return ", ".join(f"`{column.name}`" for column in view.columns)


def commands_page() -> str:
    """Every command as ``--help`` shows it."""
    root = get_command(app)
    parts = [
        "# Commands\n\n" + table(("exit code", "meaning"), [(str(k), v) for k, v in EXIT_CODES.items()]),
    ]
    with typer.Context(root, info_name="filmroom") as context:
        parts += _commands(root, context, "filmroom")
    return "".join(parts)


def _commands(command: object, context: object, path: str) -> list[str]:
    parts: list[str] = []
    names = sorted(getattr(command, "commands", {}))
    for name in names:
        child = command.commands[name]  # type: ignore[attr-defined]
        here = type(context)(child, info_name=name, parent=context)  # type: ignore[call-arg]
        below = _commands(child, here, f"{path} {name}")
        if below and not child.invoke_without_command:
            parts += below
            continue
        parts.append(f"\n## {path} {name}\n\n{(child.help or '').strip()}\n\n")
        rows = []
        for parameter in child.get_params(here):
            names_of = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
            if parameter.param_type_name == "argument":
                names_of = f"`{(parameter.metavar or parameter.name or '').upper()}`"
            rows.append((names_of, getattr(parameter, "help", "") or ""))
        parts.append(
            table(("argument or option", "meaning"), [row for row in rows if "`--help`" not in row[0]])
        )
        if child.epilog:
            parts.append(_examples(child.epilog))
        parts += below
    return parts


def _examples(epilog: str) -> str:
    head, _, rest = epilog.strip().partition(":")
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    return f"\n{head}:\n\n```\n" + "\n".join(lines) + "\n```\n"


def tcia_utils_page() -> str:
    """Every function of the drop-in modules."""
    asked = {
        nbia: {each.function: f"`{each.endpoint}`" for each in CALLS},
        pathdb: {"getCollections": f"`{COLLECTIONS_PATH}`", "getImages": f"`{IMAGES_PATH}`"},
        wordpress: {name: f"`{resource}`" for name, (resource, _) in RESOURCES.items()},
    }
    text = (
        "# Functions of tcia_utils\n\n`from filmroom import nbia` "
        "(or `nbia_v4`, `utils`, `datacite`, `idc`, `pathdb`, `wordpress`) "
        "in place of `from tcia_utils import nbia`; "
        "[what is the same and what is not](../guides/tcia_utils.md).\n"
    )
    for module in (nbia, utils, datacite, idc, pathdb, wordpress):
        functions = [getattr(module, name) for name in sorted(module.__all__, key=str.lower)]
        rows = [
            (
                f"`{each.__name__}{_plain_signature(each)}`",
                asked.get(module, {}).get(each.__name__, ""),
                _first_sentence(each),
            )
            for each in functions
            if inspect.isfunction(each)
        ]
        head = ("function", "asks", "meaning")
        text += f"\n## {module.__name__}\n\n{table(head, rows)}"
    return text


def _plain_signature(function: Callable[..., object]) -> str:
    signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare))


def _first_sentence(function: Callable[..., object]) -> str:
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split()).replace("``", "`")


PAGES = {
    "settings.md": settings_page,
    "attributes.md": attributes_page,
    "operations.md": operations_page,
    "migration.md": migration_page,
    "permissions.md": permissions_page,
    "commands.md": commands_page,
    "tcia_utils.md": tcia_utils_page,
}


def main() -> int:
    """Write the pages, or with ``--check`` return the number of stale ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    check = parser.parse_args().check
    stale = 0
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, text = REFERENCE / name, _NOTE + make()
        if path.exists() and path.read_text() == text:
            continue
        if check:
            print(f"stale: {path.name}; run: make docs")
            stale += 1
        else:
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
