"""The rules of the house: who may import whom, what stays light, how long a module may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import filmroom

ROOT = Path(filmroom.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

BASIS = {"errors", "settings", "file_lock"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "file_lock": {"errors"},
    "settings": {"errors"},
    "model": {"errors"},
    "dicom": {"model"} | BASIS,
    "wire": {"model"} | BASIS,
    "catalog": {"model"} | BASIS,
    "net": {"model"} | BASIS,
    "store": {"model"} | BASIS,
    "slide": {"model"} | BASIS,
    "render": {"model", "dicom", "slide"} | BASIS,
    "ingest": {"model", "dicom", "slide", "wire", "catalog", "store"} | BASIS,
    "upkeep": {"model", "dicom", "catalog", "store"} | BASIS,
    "client": {"model", "dicom", "wire", "net"} | BASIS,
    "dropin": {"model", "wire", "net", "client"} | BASIS,
    "idc": {"dropin"},
    "datacite": {"dropin"},
    "pathdb": {"dropin"},
    "wordpress": {"dropin"},
    "nbia": {"dropin"},
    "nbia_v4": {"dropin", "nbia"},
    "utils": {"dropin"},
    "server": {"model", "dicom", "wire", "net", "catalog", "store", "ingest", "upkeep", "render", "slide"}
    | BASIS,
}
ANYTHING = {"cli", "testing", "__init__"}
HEAVY = (
    "sqlalchemy",
    "alembic",
    "starlette",
    "uvicorn",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "keyring",
    "PIL",
    "prometheus_client",
    "structlog",
    "authlib",
    "joserfc",
    "plotly",
    "IPython",
)


def room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if (
                parts[0] == "filmroom"
                and len(parts) > 1
                and ((ROOT / parts[1]).is_dir() or (ROOT / f"{parts[1]}.py").exists())
            ):
                yield parts[1], node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_the_house_allows(path: Path) -> None:
    here = room(path)
    if here in ANYTHING:
        return
    wrong = [
        f"line {line}: {name}" for name, line in imported_rooms(path) if name not in ALLOWED[here] | {here}
    ]
    assert not wrong, f"{here} may not import: {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    if "migrations/versions" not in path.as_posix():  # records of the past, as generated
        assert len(text.splitlines()) <= 350
    # filmroom.utils is there for those who come from tcia_utils.utils.
    assert path.stem not in {"utils", "helpers", "misc", "common"} or path == ROOT / "utils.py"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with what it is"


@pytest.mark.parametrize(
    "statement",
    [
        "import filmroom",
        "import filmroom.client; filmroom.Client",
        "import filmroom.cli.app",
        "from filmroom import nbia, utils",
    ],
)
def test_importing_the_client_stays_light(statement: str) -> None:
    code = f"import sys; {statement}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_archive_starts_without_what_reads_slides() -> None:
    """The extra ``server`` alone has none of these; what needs them says so when it is asked for."""
    heavy = ("tifffile", "tiffslide", "wsidicom", "PIL", "imagecodecs", "pandas", "polars")
    code = f"""
import sys
for name in {heavy!r}:
    sys.modules[name] = None
import filmroom.server.app, filmroom.server.run, filmroom.ingest.load, filmroom.upkeep.fsck, filmroom.cli.app
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_clients_names_are_loaded_where_they_are() -> None:
    from filmroom import client

    assert set(client._PLACES) == set(client.__all__)
    # A module of a name's own would stand before it once it is loaded.
    assert not {path.stem for path in (ROOT / "client").iterdir()} & set(client.__all__)
    assert all(getattr(client, name) is not None for name in client.__all__)
