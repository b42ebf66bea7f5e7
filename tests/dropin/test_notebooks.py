"""The calls that notebooks make, in the form in which they make them, by how often they occur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from filmroom import nbia

# How often each occurs in the public notebooks of TCIA, all revisions together, and the call itself.
CALLS: list[tuple[int, str, Callable[[Any], Any]]] = [
    (566, "download", lambda d: nbia.downloadSeries(nbia.getSeries(collection="Open"), number=1)),
    (392, "number", lambda d: nbia.downloadSeries(nbia.getSeries("Open"), number=3, format="df")),
    (318, "list", lambda d: nbia.downloadSeries([d.seg], input_type="list")),
    (203, "frame", lambda d: nbia.downloadSeries([d.seg], input_type="list", format="df")),
    (172, "restricted", lambda d: nbia.downloadSeries([d.seg], input_type="list", api_url="restricted")),
    (168, "csv", lambda d: nbia.downloadSeries([d.seg], input_type="list", csv_filename="x", format="df")),
    (33, "nlst", lambda d: nbia.downloadSeries([d.seg], input_type="list", api_url="nlst")),
    (28, "manifest", lambda d: nbia.downloadSeries(manifest(d), input_type="manifest", path="m")),
    (13, "zip", lambda d: nbia.downloadSeries([d.seg], input_type="list", as_zip=True)),
    (348, "series", lambda d: nbia.getSeries(collection="Open", modality="CT", format="df")),
    (135, "cart", lambda d: nbia.getSharedCart("my cart")),
    (118, "token", lambda d: nbia.getToken("reader", "password of reader")),
    (113, "patients", lambda d: nbia.getPatient("Open", format="df")),
    (105, "studies", lambda d: nbia.getStudy("Open", "PHANTOM-001")),
    (90, "search", lambda d: nbia.getSimpleSearch(collections=["Open"], modalities=["CT"], format="uids")),
    (90, "collections", lambda d: nbia.getCollections(api_url="nlst", format="df")),
    (77, "modalities", lambda d: nbia.getModalityCounts(collection="Open", format="df")),
    (77, "parts", lambda d: nbia.getBodyPartCounts(collection="Open")),
    (68, "old search", lambda d: nbia.getSimpleSearchWithModalityAndBodyPartPaged(bodyParts=["CHEST"])),
    (67, "report", lambda d: nbia.makeSeriesReport([d.ct], input_type="list", format="var")),
    (61, "metadata", lambda d: nbia.getSeriesList([d.ct, d.seg])),
    (54, "images", lambda d: nbia.getSopInstanceUids(d.ct, format="df")),
    (52, "reference", lambda d: nbia.getSegRefSeries(d.seg)),
    (47, "dois", lambda d: nbia.reportDoiSummary(nbia.getSeries(format="df"), input_type="df")),
    (38, "manifest list", lambda d: nbia.manifestToList(manifest(d))),
    (37, "doi", lambda d: nbia.getDoiMetadata(nbia.getSeries()[0]["DataDescriptionURI"], output="series")),
    (32, "collection report", lambda d: nbia.reportCollectionSummary(nbia.getSeries(), format="csv")),
    (30, "credentials", lambda d: nbia.makeCredentialFile("me", "secret")),
    (28, "manufacturers", lambda d: nbia.getManufacturerCounts(format="df")),
    (28, "tags", lambda d: nbia.getDicomTags(d.ct)),
    (26, "size", lambda d: nbia.getSeriesMetadata(d.ct)[0]["File Size"]),
    (
        22,
        "one image",
        lambda d: nbia.downloadImage(d.seg, nbia.getSopInstanceUids(d.seg)[0]["SOPInstanceUID"]),
    ),
    (8, "viewer", lambda d: nbia.idcOhifViewer(nbia.getSeries())),
]
# These return None, and leave files.
WRITERS = {"download", "list", "restricted", "nlst", "manifest", "zip", "credentials", "one image"}


def manifest(demo: Any) -> str:
    lines = ["downloadServerUrl=x", "a=b", "c=d", "e=f", "manifestVersion=3.0", "ListOfSeriesToDownload="]
    Path("m.tcia").write_text("\n".join([*lines, demo.seg, ""]))
    return "m.tcia"


@pytest.mark.parametrize(
    ("uses", "name", "call"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_notebooks_call(
    uses: int, name: str, call: Callable[[Any], Any], turned: Any, here: Path
) -> None:
    assert uses
    found = call(turned)
    if name == "token":
        assert found is None
        assert nbia.api_call_headers
    elif name in WRITERS:
        assert found is None
        assert [path for path in here.rglob("*") if path.suffix in {".dcm", ".zip", ".txt"}]
    elif isinstance(found, pd.DataFrame):
        assert len(found)
    else:
        assert found
