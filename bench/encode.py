"""Speed of the wire formats: series rows to bytes and back, one core.

Run: python bench/encode.py
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from filmroom.wire.formats import Format, decode, encode, media_type
from filmroom.wire.views import SERIES_V1, SERIES_V4, View

ROWS = 50_000
PAGE = 5_000
RELEASED = dt.datetime.combine(dt.date(2024, 1, 1), dt.time())


def series_row(number: int) -> dict[str, Any]:
    """Return a series with all values set; dates and texts vary as they do in a collection."""
    day = dt.date(2000, 1, 1) + dt.timedelta(days=number % 3_000)
    return {
        "series_instance_uid": f"1.3.6.1.4.1.14519.5.2.1.6279.6001.{number:030d}",
        "study_instance_uid": f"1.3.6.1.4.1.14519.5.2.1.6279.6001.{number // 3:030d}",
        "modality": "CT",
        "protocol_name": "CHEST ROUTINE",
        "series_date": day,
        "series_desc": f"Axial 5/8 {number % 17}",
        "body_part_examined": "CHEST",
        "series_number": float(number % 12),
        "annotations_flag": False,
        "collection": "LIDC-IDRI",
        "site": "LIDC-IDRI",
        "patient_id": f"LIDC-IDRI-{number // 4:04d}",
        "patient_sex": "F",
        "patient_age": "061Y",
        "admitting_diagnoses_desc": None,
        "manufacturer": "GE MEDICAL SYSTEMS",
        "manufacturer_model_name": "LightSpeed Plus",
        "software_versions": "06MW03.4",
        "image_count": 133,
        "max_submission_timestamp": RELEASED + dt.timedelta(seconds=number // 50),
        "licence_name": "CC BY 3.0",
        "licence_url": "https://creativecommons.org/licenses/by/3.0/",
        "description_uri": "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
        "file_size": 70_017_384,
        "released_status": "Yes",
        "date_released": RELEASED,
        "study_desc": "CT THORAX",
        "study_date": day,
        "third_party_analysis": "NO",
    }


def measure(view: View, fmt: Format, rows: list[dict[str, Any]]) -> tuple[float, bytes]:
    """Return rows per CPU second and the bytes."""
    pages = (rows[start : start + PAGE] for start in range(0, len(rows), PAGE))
    began = time.process_time()
    content = b"".join(encode(view, pages, fmt))
    return len(rows) / (time.process_time() - began), content


def main() -> None:
    rows = [series_row(number) for number in range(ROWS)]
    for view in (SERIES_V1, SERIES_V4):
        for fmt in (Format.JSON, Format.CSV, Format.XML, Format.HTML):
            rate, content = measure(view, fmt, rows)
            line = f"{view.name} {fmt.value:5} encode {rate:>9,.0f} rows/s {len(content) / ROWS:>5.0f} B/row"
            if fmt in {Format.JSON, Format.CSV}:
                began = time.process_time()
                decode(view, content, media_type(view, fmt))
                line += f"   decode {ROWS / (time.process_time() - began):>9,.0f} rows/s"
            print(line)


if __name__ == "__main__":
    main()
