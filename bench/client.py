"""Download speed: 12 CT series of about 53 MB from our own server, every file's MD5 checked.

Prints MB/s (base 1000) and CPU seconds per GB of the client, beside curl writing the same archives packed.

    python bench/client.py [--series 12] [--workers 1 2 4] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filmroom.client import Client

_DOWNLOAD = """
import sys
from filmroom import Client
url, target, workers = sys.argv[1:4]
with Client(url) as client:
    client.download(sys.argv[4:], target, workers=int(workers)).raise_for_failures()
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def write_series(folder: Path, count: int, slices: int = 100) -> None:
    """Write series of 512 x 512 slices, 527 kB each."""
    import random

    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    for number in range(1, count + 1):
        for index in range(1, slices + 1):
            data = Dataset()
            data.SOPClassUID = CTImageStorage
            data.SeriesInstanceUID = f"1.2.826.0.1.3680043.10.999.2.{number}"
            data.SOPInstanceUID = f"{data.SeriesInstanceUID}.{index}"
            data.StudyInstanceUID, data.PatientID, data.Modality = f"1.2.3.{number}", f"P{number}", "CT"
            data.InstanceNumber, data.Rows, data.Columns = index, 512, 512
            data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
            data.PixelRepresentation, data.SamplesPerPixel = 0, 1
            data.PhotometricInterpretation = "MONOCHROME2"
            data.PixelData = random.Random(number * 1000 + index).randbytes(512 * 512 * 2)
            data["PixelData"].VR = "OW"
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            data.save_as(folder / f"{number}-{index}.dcm", enforce_file_format=True)


@contextmanager
def served(folder: Path, count: int) -> Iterator[str]:
    """Ingest the series and serve them from a process of its own."""
    (folder / "in").mkdir()
    write_series(folder / "in", count)
    command = [sys.executable, "-m", "filmroom.cli.app"]
    data = ["--data", str(folder / "archive")]
    subprocess.run(
        [*command, "ingest", *data, "--collection", "Bench", str(folder / "in")],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(folder / "in")
    server = subprocess.Popen(
        [*command, "serve", *data, "--port", "18089"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = "http://127.0.0.1:18089"
        for _ in range(100):
            try:
                with Client(url) as client:
                    client.collections()
                break
            except Exception:  # noqa: BLE001 - not up yet
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def measured(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return wall seconds, CPU seconds of it and its children, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        with served(folder, options.series) as url:
            with Client(url) as client:
                series = client.series()
                requests = [client.archive_request(each.series_instance_uid) for each in series]
            size = sum(each.file_size or 0 for each in series)
            uids = [each.series_instance_uid for each in series]
            print(f"{len(series)} series, {size / 1e6:.0f} MB")
            for workers in options.workers:
                target = folder / "out"
                wall, cpu, peak = measured(
                    [sys.executable, "-c", _DOWNLOAD, url, str(target), str(workers), *uids]
                )
                shutil.rmtree(target)
                print(
                    f"filmroom, {workers} workers: {size / wall / 1e6:6.0f} MB/s  "
                    f"{cpu / size * 1e9:.2f} CPU s/GB  peak {int(peak) / 1024:.0f} MiB"
                )
            for parallel in (1, 4):
                arguments = ["curl", "-s", "--parallel", "--parallel-max", str(parallel)]
                for number, request in enumerate(requests):
                    query = "&".join(f"{key}={value}" for key, value in request.params.items())
                    arguments += ["-o", str(folder / f"{number}.zip"), f"{url}{request.path}?{query}"]
                wall, cpu, _ = measured(arguments)
                print(
                    f"curl, {parallel} at once:    {size / wall / 1e6:6.0f} MB/s  "
                    f"{cpu / size * 1e9:.2f} CPU s/GB"
                )


if __name__ == "__main__":
    main()
