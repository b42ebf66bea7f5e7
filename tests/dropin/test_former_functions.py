"""What tcia_utils 3.3.5 removed: it works, and says in the log what takes its place."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from filmroom import nbia

LOGIN, PASSWORD = "reader", "password of reader"


def test_a_login_opens_restricted_series(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert nbia.getSeries("Closed", api_url="restricted") is None
    header, access, ends, refresh, id_token = nbia.getToken(LOGIN, PASSWORD, return_values=True)
    assert header == {"Authorization": f"Bearer {access}"} == nbia.api_call_headers
    assert (access, refresh, ends) == (nbia.access_token, nbia.refresh_token, nbia.token_exp_time)
    assert id_token is None
    assert "getToken is deprecated" in caplog.text
    assert access not in caplog.text
    assert PASSWORD not in caplog.text
    (row,) = nbia.getSeries("Closed", api_url="restricted")
    assert row["SeriesInstanceUID"] == turned.mr
    nbia.downloadSeries([turned.mr], input_type="list", api_url="restricted")
    assert len(list((here / "tciaDownload" / turned.mr).glob("*.dcm"))) == 24
    assert int(nbia.getSeriesMetadata(turned.mr)[0]["File Size"]) == sum(map(len, turned.files[turned.mr]))
    assert nbia.refreshToken() is None
    assert nbia.access_token not in {None, access}
    assert nbia.logoutToken("") is None
    assert nbia.access_token is None
    assert nbia.getSeries("Closed") is None


def test_a_login_that_is_refused(turned: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert nbia.getToken(LOGIN, "another", return_values=True) is None
    assert nbia.access_token is None
    assert f"The login '{LOGIN}' or its password is wrong" in caplog.text
    assert nbia.refreshToken(return_values=True) is None
    assert "Nobody is logged in" in caplog.text
    assert nbia.getToken(LOGIN, PASSWORD, api_url="http://pacs.example.org") is None
    assert "over https only" in caplog.text


def test_nobody_there_to_answer(turned: Any, caplog: pytest.LogCaptureFixture) -> None:
    # pytest closes standard input.
    assert nbia.getToken() is None
    assert nbia.makeCredentialFile() is None
    assert caplog.text.count("Nobody is there to give a login") == 2


def test_credentials_for_the_java_client(here: Path) -> None:
    nbia.makeCredentialFile("me", "secret")
    path = here / "credentials.txt"
    assert path.read_text() == "userName=me\npassWord=secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    nbia.makeCredentialFile("you", "secret")
    assert path.read_text().startswith("userName=you")
    nbia.makeCredentialFile("you\npassWord=x", "secret")
    assert path.read_text() == "userName=you\npassWord=secret"


def test_metadata_as_it_was(turned: Any) -> None:
    (row,) = nbia.getSeriesMetadata(turned.ct)
    assert row["Series UID"] == turned.ct
    assert int(row["File Size"]) == sum(map(len, turned.files[turned.ct]))
    assert "SeriesInstanceUID" in nbia.getSeriesMetadata(turned.ct, format="df")
    assert nbia.getSeriesMetadata(turned.mr) is None
    for with_study in (False, True):
        frame = nbia.getSeriesListData(turned.public, "", with_study)
        column = "Series Instance UID" if with_study else "Series ID"
        assert set(frame[column]) == set(turned.public)
        assert ("Patient Name" in frame) == with_study
        assert set(nbia.formatSeriesInput(frame, "df", "")["SeriesInstanceUID"]) == set(turned.public)


def test_shared_carts(turned: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert nbia.makeSharedCart(turned.public, name="nobody's") == []
    nbia.getToken(LOGIN, PASSWORD)
    name = f"cart of {id(turned)}"
    made = nbia.makeSharedCart(turned.public, name, "described", "https://example.org", chunk_size=1)
    assert [address.rpartition("=")[0] for address in made] == [f"{turned.url}/nbia-search/?saved-cart"] * 2
    found = [nbia.getSharedCart(f"{name}-part{number}") for number in (1, 2)]
    assert [row["SeriesInstanceUID"] for rows in found for row in rows] == turned.public
    caplog.clear()
    assert nbia.makeSharedCart(turned.public, f"{name}-part1") == []
    assert "was not made" in caplog.text
    (unnamed,) = nbia.makeSharedCart(turned.public)
    assert "saved-cart=nbia-" in unnamed


def test_links(here: Path) -> None:
    rows = [{"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"}]
    given = pd.DataFrame(rows)
    frame = nbia.makeVizLinks(given, csv_filename="links")
    assert list(frame.columns[2:]) == ["VisualizeSeriesOnTcia", "VisualizeStudyOnIdc"]
    assert list(given.columns) == ["StudyInstanceUID", "SeriesInstanceUID"]
    assert frame["VisualizeSeriesOnTcia"][0].endswith("?series=1.2.3")
    assert "1.2" in frame["VisualizeStudyOnIdc"][0]
    assert len(pd.read_csv(here / "links.csv")) == 1
    assert len(nbia.makeVizLinks(rows)) == 1


@pytest.mark.parametrize(
    "name",
    ["viewSeries", "viewSeriesAnnotation", "viewSeriesAnnotations", "viewSeriesSEG", "viewSeriesRT"],
)
def test_there_is_no_viewer(name: str) -> None:
    with pytest.raises(NotImplementedError, match="idcOhifViewer"):
        getattr(nbia, name)("1.2.3", path="x")
    with pytest.raises(NotImplementedError, match="curators"):
        nbia.getAdvancedQCSearch([("x", "y")])
