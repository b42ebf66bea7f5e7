"""How fast an ingest is, beside the floor of what it cannot do without.

The floor reads each file once, takes MD5, SHA-256 and CRC-32, and writes the bytes with as many fsyncs as
the ingest makes: one per pack. It reads no header and knows no catalogue. CPU time is that of one process,
which does everything itself. Usage: python bench/ingest.py [--ct 400] [--tiny 4000] [--processes 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from filmroom.dicom.digest import Digester
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.ingest.readers import available_cores
from filmroom.settings import ArchiveAddress

TASK = 120  # CT slices in 64 MB; the floor gets the same share per process and per fsync


def make_corpus(folder: Path, count: int, per_series: int, side: int) -> None:
    """Write ``count`` slices, ``per_series`` to a series; 512 pixels a side make 527 KB."""
    template = Dataset()
    template.SOPClassUID = CTImageStorage
    template.Modality = "CT"
    template.StudyDate = "20200102"
    template.Manufacturer = "MAKER"
    template.BodyPartExamined = "CHEST"
    template.Rows = template.Columns = side
    template.BitsAllocated = template.BitsStored = 16
    template.HighBit = 15
    template.PixelRepresentation = 0
    template.SamplesPerPixel = 1
    template.PhotometricInterpretation = "MONOCHROME2"
    for index in range(80):
        template.add_new(0x00181400 + index, "LO", f"filler {index}")
    for number in range(count):
        series, slice_number = divmod(number, per_series)
        template.PatientID = f"P{series}"
        template.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(series)])
        template.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(series)])
        template.SOPInstanceUID = generate_uid(entropy_srcs=["instance", str(number)])
        template.InstanceNumber = slice_number + 1
        template.PixelData = os.urandom(side * side * 2)
        template.file_meta = FileMetaDataset()
        template.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{series:05d}" / f"{slice_number:05d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, template, enforce_file_format=True)


def floor_part(paths: list[str], target: str) -> None:
    """Do the least work for some files."""
    by_folder: dict[str, list[bytes]] = {}
    for path in paths:
        data = Path(path).read_bytes()
        digester = Digester()
        digester.update(data)
        digester.result()
        by_folder.setdefault(os.path.dirname(path), []).append(data)  # noqa: PTH120
    for folder, parts in by_folder.items():
        name = Path(target) / f"{os.getpid()}-{Path(folder).name}-{time.monotonic_ns()}"
        with name.open("wb") as out:
            for part in parts:
                out.write(part)
            out.flush()
            os.fsync(out.fileno())


def chunks(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def measure(name: str, corpus: Path, work: Path, processes: int) -> None:
    files = sorted(str(path) for path in corpus.rglob("*.dcm"))
    size = sum(os.path.getsize(path) for path in files)  # noqa: PTH202
    parts = list(chunks(files, TASK if size / len(files) > 100_000 else 200))
    for count in sorted({1, processes}):
        target = work / f"floor-{name}-{count}"
        target.mkdir()
        used, begun = time.process_time(), time.perf_counter()
        if count == 1:
            for part in parts:
                floor_part(part, str(target))
        else:
            with ProcessPoolExecutor(count, mp_context=get_context("fork")) as pool:
                list(pool.map(floor_part, parts, [str(target)] * len(parts)))
        seconds = time.perf_counter() - begun
        show(f"{name} floor", count, len(files), size, seconds, time.process_time() - used)
    for count in sorted({1, processes}):
        for step in ("ingest", "again"):
            used = time.process_time()
            report = ingest_paths(
                ArchiveAddress.resolve(work / f"archive-{name}-{count}"),
                [corpus],
                IngestOptions(Rules("BENCH"), count),
            )
            assert (report.stored if step == "ingest" else report.present) == len(files)
            show(f"{name} {step}", count, len(files), size, report.seconds, time.process_time() - used)


def show(name: str, processes: int, count: int, size: int, seconds: float, used: float) -> None:
    own = f"{1000 * used / count:>10.2f} CPU ms/file" if processes == 1 else " " * 22
    print(
        f"{name:<12} x{processes}{count / seconds:>10.0f} files/s{size / seconds / 1e6:>8.0f} MB/s"
        f"{own}{seconds:>9.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=int, default=400)
    parser.add_argument("--tiny", type=int, default=4000)
    parser.add_argument("--processes", type=int, default=available_cores())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="filmroom-bench-") as folder:
        work = Path(folder)
        make_corpus(work / "ct", given.ct, 100, 512)
        make_corpus(work / "tiny", given.tiny, 200, 16)
        measure("CT", work / "ct", work, given.processes)
        measure("tiny", work / "tiny", work, given.processes)


if __name__ == "__main__":
    main()
