"""Secrets that a person gives a command: from a pipe or a terminal, never from the command line."""

from __future__ import annotations

import sys

import typer

from filmroom.errors import InvalidInput


def read_secret(name: str, *, from_stdin: bool, twice: bool = False) -> str:
    """Return a secret; others can read the command line, so it is not taken from there.

    :param name: what it is, such as ``password``; with ``--<name>-stdin`` it comes from standard input.
    :param twice: have it typed twice. :raises InvalidInput: when there is none, or it is not text.
    """
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise InvalidInput(f"The {name} on standard input is not text in UTF-8.") from None
    if not sys.stdin.isatty():
        raise InvalidInput(f"There is no terminal to ask for the {name}.", advice=f"Give --{name}-stdin.")
    answer: str = typer.prompt(name.capitalize(), hide_input=True, confirmation_prompt=twice, err=True)
    return answer
