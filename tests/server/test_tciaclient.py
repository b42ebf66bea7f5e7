"""tciaclient as it comes from the package index, with our server for TCIA's: the API of before 2022."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

_TCIACLIENT = """
import json, sys
from tciaclient.core import TCIAClient
url, folder = sys.argv[1:]
client = TCIAClient(baseUrl=url + "/services/v4")
series = client.get_series(collection="Open-CT")
uid = series[0]["SeriesInstanceUID"]
assert client.get_image(uid, folder, "series.zip")
print(json.dumps({
    "collections": client.get_collection_values(),
    "modalities": client.get_modality_values(collection="Open-CT"),
    "body_parts": client.get_body_part_values(collection="Open-CT"),
    "manufacturers": client.get_manufacturer_values(collection="Open-CT"),
    "patients": client.get_patient(collection="Open-CT"),
    "studies": client.get_patient_study(collection="Open-CT"),
    "series": series,
    "size": client.get_series_size(SeriesInstanceUID=uid),
    "csv": client.get_series(collection="Open-CT", outputFormat="csv").read().decode(),
}))
"""


def test_tciaclient(live: Any, tmp_path: Path, run_client: Any) -> None:
    found = run_client(sys.executable, _TCIACLIENT, live.url, tmp_path, folder=tmp_path)
    assert [row["Collection"] for row in found["collections"]] == ["Open-CT", "open-bare"]
    assert found["modalities"] == [{"Modality": "CT"}]
    assert [row["SeriesInstanceUID"] for row in found["series"]] == ["1.2.1"]
    assert len(found["patients"]) == len(found["studies"]) == 1
    assert found["manufacturers"] == [{"Manufacturer": "Acme, Inc."}]
    assert found["body_parts"]
    assert int(found["size"][0]["TotalSizeInBytes"]) == live.full.size
    assert found["csv"].count("\n") == 2
    with zipfile.ZipFile(tmp_path / "series.zip") as archive:
        images = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    assert sorted(images) == sorted(live.full.files.values())
