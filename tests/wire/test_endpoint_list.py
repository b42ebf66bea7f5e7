"""What is served, beside the list of NBIA's endpoints that may lie next to the checkout."""

import csv
import re
from pathlib import Path

import pytest

from filmroom.wire.login import LOGOUT_PATHS, TOKEN_FIELDS, TOKEN_PATHS
from filmroom.wire.operations import OPERATIONS, Operation
from filmroom.wire.parameters import Parameter

Row = dict[str, str]

# Groups of the list that Filmroom does not set out to serve.
LEFT_OUT = {"admin", "admin-v3", "retired"}

# Rows that are not served, with the reason.
NOT_SERVED: dict[str, str] = {}

_ORDER = {"size*", "sortDirection*", "sortField*", "start*"}
_NUMBERED = {
    f"{name}{{i}}"
    for name in ("criteriaType", "value", "from", "to", "fromDate", "toDate", "fromDay", "toDay", "eventType")
}
# Parameters that are declared in another way than in the list: a part of the path, what the list says
# beyond ours, what ours says beyond it, and the reason.
OTHERWISE: tuple[tuple[str, set[str], set[str], str], ...] = (
    ("/v1/getAllSOPClassDefinition", {"SeriesInstanceUID"}, set(), "it is ignored"),
    ("/getManifestText", {"includeAnnotation*"}, {"includeAnnotation"}, "true where it is absent"),
    (
        "SimpleSearch",
        _ORDER | _NUMBERED,
        {name.rstrip("*") for name in _ORDER} | {name.replace("{i}", "0") for name in _NUMBERED},
        "a page has defaults; the first of the numbered ones stands for all",
    ),
    ("/getTextSearchPaged", _ORDER, {name.rstrip("*") for name in _ORDER}, "a page has defaults"),
    (
        "/DownloadServletV",
        {"password", "serverManifestLoc", "series1..N", "seriesUid*"},
        {"series1", "seriesUid"},
        "password is a header; the first of the numbered ones stands for all; a list needs no seriesUid",
    ),
    ("/DownloadServlet", {"password", "serverjnlpfileloc", "isJNLP"}, set(), "password is a header; no JNLP"),
)


@pytest.fixture(scope="session")
def endpoints(shared_spec: Path) -> list[Row]:
    """The rows of the list that Filmroom sets out to serve."""
    with (shared_spec / "nbia-endpoints.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["api_group"] not in LEFT_OUT]


def served() -> dict[tuple[str, str], tuple[tuple[Parameter, ...], Operation | None]]:
    """Return the parameters of everything served, and its operation, by method and path."""
    found: dict[tuple[str, str], tuple[tuple[Parameter, ...], Operation | None]] = {}
    for operation in OPERATIONS:
        for method in {operation.method, *(("GET", "POST") if operation.either_method else ())}:
            found |= {(method, path): (operation.parameters, operation) for path in operation.paths}
    found |= {("POST", path): (TOKEN_FIELDS, None) for path in TOKEN_PATHS}
    return found | {("POST", path): ((), None) for path in LOGOUT_PATHS}


def places(row: Row) -> list[tuple[str, str]]:
    """Return every method and path of a row; it names some in one."""
    folder = re.fullmatch(r"(.*)\{(.*)\}(.*)", row["path"])
    paths = [f"{folder[1]}{each}{folder[3]}" for each in folder[2].split(",")] if folder else [row["path"]]
    return [(method, path) for method in row["method"].split("/") for path in paths]


@pytest.mark.shared
def test_every_endpoint_of_the_list_is_served(endpoints: list[Row]) -> None:
    ours = served()
    missing = {row["path"] for row in endpoints if not all(place in ours for place in places(row))}
    print(f"rows served / rows in the list: {len(endpoints) - len(missing)} / {len(endpoints)}")
    for path in sorted(missing):
        print(f"not served: {path}: {NOT_SERVED.get(path, 'no reason')}")
    assert len(endpoints) > 150
    assert missing == set(NOT_SERVED)


@pytest.mark.shared
def test_parameters_are_those_of_the_list(endpoints: list[Row]) -> None:
    ours = served()
    for row in endpoints:
        words = row["params"].replace("|", " ").replace(" / ", " ").split()
        listed = {re.sub(r"\[\]|\(header\)", "", word) for word in words}
        for place in places(row):
            if place not in ours:
                continue
            parameters, operation = ours[place]
            if operation is None:
                # The forms of tokens say in words what is needed for what.
                assert {word.rstrip("*") for word in listed} <= {parameter.name for parameter in parameters}
                continue
            declared = {f"{parameter.name}{'*' if parameter.required else ''}" for parameter in parameters}
            more, less = next(((m, n) for part, m, n, _ in OTHERWISE if part in row["path"]), (set(), set()))
            assert listed - declared <= more, row["path"]
            assert declared - listed <= less, row["path"]


@pytest.mark.shared
def test_columns_are_those_of_the_list(endpoints: list[Row]) -> None:
    ours = served()
    compared = 0
    for row in endpoints:
        _, operation = ours.get(places(row)[0], ((), None))
        if operation is None or operation.view is None:
            continue
        if row["api_group"] == "legacy" and " " in row["response_fields"]:
            continue  # in words, which refer to others; tests/wire/conftest.py spells these out
        names = re.sub(r"\[[^\]]*\]", "", row["response_fields"]).strip().split("|")
        assert [column.name for column in operation.view.columns] == names, row["path"]
        compared += 1
    assert compared > 80
