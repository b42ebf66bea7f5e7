"""The command ``filmroom``: one command group per module; heavy imports happen inside commands."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, NoReturn

import typer

from filmroom import __version__
from filmroom.cli import (
    accounts,
    agreement,
    archive,
    browse,
    cite,
    demo,
    doi,
    fetch,
    index,
    keep,
    login,
    search,
    series_files,
    service,
    slides,
    sync,
    upkeep,
)
from filmroom.cli.errors import exit_code_for, explain, explain_fault, missing_extra
from filmroom.errors import FilmroomError

app = typer.Typer(
    name="filmroom",
    help="An archive for cancer images that speaks NBIA, and the client for it and for TCIA.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    demo,
    archive,
    accounts,
    agreement,
    doi,
    service,
    browse,
    search,
    sync,
    login,
    cite,
    series_files,
    slides,
    fetch,
    keep,
    index,
    upkeep,
):
    module.register(app)


def _let_help_flow(commands: typer.Typer) -> None:
    """Let paragraphs of help be as wide as the terminal: typer keeps the line breaks of all but the first."""
    for command in commands.registered_commands:
        if command.callback is not None:
            text = command.help or inspect.getdoc(command.callback) or ""
            command.help = "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _let_help_flow(group.typer_instance)


_let_help_flow(app)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"filmroom {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; every deliberate error becomes one sentence and an exit code."""
    try:
        app()
    except FilmroomError as error:
        _fail(error)
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        if missing is None:
            _fault(error)
        else:
            _fail(missing)
    except SystemExit as end:
        # Typer turns Ctrl-C into an exit code without a word.
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            sys.stderr.write("Interrupted; what was finished is kept, run the same command again to go on.\n")
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, not a traceback
        _fault(error)


def _fail(error: FilmroomError) -> NoReturn:
    sys.stderr.write(explain(error))
    sys.exit(exit_code_for(error))


def _fault(error: Exception) -> NoReturn:
    sys.stderr.write(explain_fault(error))
    sys.exit(70)


if __name__ == "__main__":
    main()
