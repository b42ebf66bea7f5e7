"""How each client is run: Filmroom's, tcia_utils, nbiatoolkit; each command with its start-up."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import peers
from harness import Context, Used, run

_OURS = """
import sys
from filmroom import Client
if __name__ == "__main__":
    with Client(sys.argv[1], workers=WORKERS) as client:
        client.download(sys.argv[3:], sys.argv[2]).raise_for_failures()
"""

_TCIA_UTILS = """
import sys
from tcia_utils import nbia
nbia.setApiUrl = lambda endpoint, api_url="": sys.argv[1] + "/nbia-api/services/v4/"
nbia.downloadSeries(sys.argv[3:], path=sys.argv[2], input_type="list", max_workers=WORKERS)
"""

# The address of the service that it was made for stands in a table of its own.
_NBIATOOLKIT = """
import sys
from nbiatoolkit.utils import NBIA_BASE_URLS
NBIA_BASE_URLS.NBIA._value_ = sys.argv[1] + "/nbia-api/services/"
NBIA_BASE_URLS._value2member_map_[NBIA_BASE_URLS.NBIA._value_] = NBIA_BASE_URLS.NBIA
from nbiatoolkit import NBIAClient
if __name__ == "__main__":
    pattern = "%SeriesInstanceUID/%InstanceNumber.dcm"
    assert NBIAClient().downloadSeries(sys.argv[3:], sys.argv[2], pattern, nParallel=WORKERS)
"""

Way = Callable[[], Used]
TEN, FOUR = 10, 4


def way(context: Context, make: Callable[[Path], Sequence[str | Path]], count: int) -> Way:
    """Return what runs a command that fetches so many files into a folder, and checks that they came."""

    def measured() -> Used:
        target = context.folder("target")
        try:
            used = run(make(target))
            got = [path for path in target.rglob("*") if path.suffix in {".dcm", ".zip"}]
            assert len(got) == count, f"{len(got)} files instead of {count}: {used.output[-500:]}"
            return used
        finally:
            shutil.rmtree(target)

    return measured


def _scripted(
    python: str | Path, script: str, workers: int | None, url: str, uids: Sequence[str]
) -> Callable[[Path], Sequence[str | Path]]:
    code = script.replace("WORKERS", str(workers))
    return lambda target: [python, "-c", code, url, target / "out", *uids]


def clients(
    context: Context, url: str, uids: Sequence[str], count: int, workers: int | None = None
) -> tuple[dict[str, Way], list[str]]:
    """Return the clients that are there, by name, and remarks on them and on those that are not.

    :param workers: of Filmroom; default: as many as it chooses.
    """
    ways = {"Filmroom": way(context, _scripted(sys.executable, _OURS, workers, url, uids), count)}
    remarks = []
    others = {
        "tcia_utils": (peers.TCIA_UTILS, _TCIA_UTILS, TEN, "its ten workers"),
        "nbiatoolkit": (peers.NBIATOOLKIT, _NBIATOOLKIT, FOUR, "four processes"),
    }
    for name, (requirement, script, workers, how) in others.items():
        python = peers.package(requirement, context.log)
        if python is None:
            remarks.append(f"Absent: {requirement} (it is installed from PyPI when that can be reached).")
            continue
        ways[name] = way(context, _scripted(python, script, workers, url, uids), count)
        remarks.append(f"{requirement}, {how}; its start-up is part of its time, as ours is.")
    return ways, remarks
