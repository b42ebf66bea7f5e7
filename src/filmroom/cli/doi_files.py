"""Records of DOIs as files that people edit: YAML or JSON, with DataCite's names."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.model.dois import DoiRecord

_LARGEST_FILE = 10 * 1024 * 1024


class _Loader(yaml.SafeLoader):
    """Reads every plain word as text but for null: a version 1.10 is no number, a date no object."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
        first: [pair for pair in pairs if pair[0] == "tag:yaml.org,2002:null"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        # A few lines of references to references stand for more than a machine holds.
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not read")
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def as_yaml(record: DoiRecord) -> str:
    """Return what can be written of a record as YAML; what is empty is left out."""
    from filmroom.wire.datacite.change import document_of

    filled = {name: value for name, value in document_of(record).items() if value not in (None, [], {})}
    filled.pop("doi", None)
    return str(yaml.dump(filled, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100))


def read_attributes(file: Path) -> dict[str, Any]:
    """Return the attributes that a file holds: themselves, or a whole answer of DataCite's API around them.

    :param file: YAML or JSON in UTF-8; ``-`` for standard input.
    :raises InvalidInput: when it cannot be read, or holds something else.
    """
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(_LARGEST_FILE + 1)
        else:
            with file.open("rb") as source:
                content = source.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise InvalidInput(f"Cannot read {file}: {error.strerror or error}.") from None
    if len(content) > _LARGEST_FILE:
        raise InvalidInput(f"{file} is larger than {_LARGEST_FILE >> 20} MB.")
    return parse_attributes(content, str(file))


def parse_attributes(content: bytes, name: str) -> dict[str, Any]:
    """Return the attributes that a text in YAML or JSON holds. :raises InvalidInput: as read_attributes."""
    try:
        text = content.decode("utf-8-sig")
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())[:300]
        raise InvalidInput(f"{name} is neither YAML nor JSON in UTF-8: {told}") from None
    for key in ("data", "attributes"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise InvalidInput(f"{name} holds no record: names and values are expected.")
    return dict(found)
