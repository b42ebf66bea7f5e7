"""The retriever's servlets and the files beside the images, over a real socket on either pair."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from filmroom.ingest.series_files import add_files
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment, Licence
from filmroom.server.login import LoginOptions
from filmroom.server.servlets.passwords import encrypt
from filmroom.testing.live import running_server

SERVLETS = "/nbia-download/servlet"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
TERMS = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://example.org/by/4.0/")
LONG = "Befund der Thoraxaufnahme, zweite Lesung, Größenangaben in Millimetern, " * 2 + "Anhang.xml"
FILES = {
    LONG: ("annotation", b"<reading/>" * 5_000),
    "b.csv": ("annotation", b"a,b\n"),
    "scan.log": ("other", b"all well\n"),
}
WRONG = "Incorrect username and/or password. Please try it again."


@dataclass(frozen=True)
class Site:
    """A server that takes passwords on its servlets, one that does not, and what both serve."""

    url: str
    plain_url: str
    archive: Any
    fetch: Any
    full: Any
    closed: Any
    unseen: tuple[str, ...]
    tokens: dict[str, str]

    def ask(self, servlet: str, method: str = "POST", url: str = "", **values: Any) -> Any:
        """Ask a servlet; values that begin with ``H_`` are headers."""
        headers = {name[2:]: value for name, value in values.items() if name.startswith("H_")}
        text = urlencode({name: value for name, value in values.items() if not name.startswith("H_")})
        path = f"{SERVLETS}/{servlet}"
        if method == "POST":
            return self.fetch(url or self.url, path, "POST", text.encode(), **FORM, **headers)
        return self.fetch(url or self.url, f"{path}?{text}", method, **headers)

    def list(self, *uids: str, servlet: str = "DownloadServletV4", **values: Any) -> Any:
        """Step 1."""
        named = {f"series{number}": uid for number, uid in enumerate(uids, 1)}
        return self.ask(servlet, numberOfSeries=len(uids), **named, **values)

    def tar(self, uid: str, servlet: str = "DownloadServletV4", **values: Any) -> dict[str, bytes]:
        """Step 2: the members in their order."""
        answer = self.ask(servlet, seriesUid=uid, **values)
        assert answer.status == 200, answer.text
        assert answer.headers["content-type"] == "application/x-tar"
        assert int(answer.headers["content-length"]) == len(answer.body)
        return members_of(answer.body)

    def key(self) -> str:
        """The key that every retriever is given."""
        return str(self.ask("DownloadServletVersion", os="Mac").text.split("\n")[2])


def members_of(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def site(module_archive: Any, tmp_path_factory: pytest.TempPathFactory, fetch: Any) -> Iterator[Site]:
    archive = module_archive
    public = Assignment("Open-CT", "Open Site", TERMS, "https://doi.org/10.1/open-data", visibility=1)
    full = archive.add(
        "1.2.1",
        patient_id="P|1",
        assignment=public,
        numbers=[(2, n) for n in range(1, 8)] + [(1, n) for n in range(1, 6)],
        study_date=dt.date(2006, 9, 6),
        study_id="77",
        study_desc='Thorax, "left" <5/8>',
        series_number=3.0,
        series_desc="|,;",
        manufacturer="Acme, Inc.",
    )
    archive.add("1.2.2", assignment=Assignment("Bare", "Bare"), numbers=[(None, None)])
    closed = archive.add(
        "1.2.99", patient_id="SECRET", assignment=Assignment("Closed", "Closed", TERMS, access="restricted")
    )
    hidden = archive.add("1.2.10", assignment=Assignment("Open-CT", "Open Site", TERMS, visibility=0))
    archive.add("1.2.12", assignment=Assignment("Open-CT", "Open Site", TERMS, visibility=12))
    folder = tmp_path_factory.mktemp("files")
    for name, (kind, data) in FILES.items():
        (folder / name).write_bytes(data)
        for made in (full, closed, hidden):
            list(add_files(archive.address, made.series_uid, [folder / name], kind))  # type: ignore[arg-type]
    accounts = archive.catalog.accounts()
    tokens = {}
    for login in ("reader", "stranger"):
        accounts.add(login, f"password of {login}, ÄÖ")
        tokens[login] = (
            archive.catalog.tokens().log_in(login, f"password of {login}, ÄÖ", TokenLifetimes()).access
        )
    archive.catalog.grants().add(Grant("Closed", "Closed", Role.READ.value, user="reader"))
    with (
        running_server(archive.address, login=LoginOptions(in_servlets=True)) as url,
        running_server(archive.address) as plain_url,
    ):
        unseen = (closed.series_uid, hidden.series_uid, "9.9.9")
        yield Site(url, plain_url, archive, fetch, full, closed, unseen, tokens)


# -- step 1 ------------------------------------------------------------------------------------------------


def test_the_list_of_series(site: Site) -> None:
    full = site.list("1.2.1", "1.2.12", "1.2.2", "1.2.1")
    assert full.status == 200
    assert full.headers["content-type"].startswith("text/plain")
    assert full.headers["content-disposition"] == "attachment;filename=downloadname.txt"
    size, annotations = (
        site.full.size,
        sum(len(data) for kind, data in FILES.values() if kind == "annotation"),
    )
    lines = full.text.split("\n")
    assert lines[0] == (
        f"Open-CT|P 1|1.2.1.0|1.2.1|Yes|12|{size}|{annotations}|url|displayName|true|09-06-2006|77|"
        "Thorax left 58|3.000000|NA|NO|https://doi.org/10.1/open-data|Acme Inc.|CT|"
        "1.2.840.10008.5.1.4.1.1.2|CT Image Storage|CC BY 4.0|https://example.org/by/4.0/"
    )
    assert lines[1].startswith("Open-CT|P1|1.2.12.0|1.2.12|No|2|")
    assert lines[2].split("|")[11:] == [
        *("null", "NA", "NA", "null", "NA", "NO", "NA", "NA", "CT"),
        *("1.2.840.10008.5.1.4.1.1.2", "CT Image Storage", "null", "null"),
    ]
    assert lines[3:] == [""]  # a series named twice is told of once
    older = site.list("1.2.1", servlet="DownloadServletV3")
    assert older.text == "|".join(lines[0].split("|")[:17]) + "\n"


def test_a_list_is_all_or_nothing(site: Site) -> None:
    for uid in site.unseen:
        for servlet in ("DownloadServletV3", "DownloadServletV4"):
            guest = site.list("1.2.1", uid, servlet=servlet)
            assert (guest.status, guest.text) == (460, "Login needed.")
            stranger = site.list(
                "1.2.1", uid, servlet=servlet, H_Authorization=f"Bearer {site.tokens['stranger']}"
            )
            assert (stranger.status, stranger.text) == (462, "Insufficient privilege.")
    reader = site.list("1.2.1", "1.2.99", H_Authorization=f"Bearer {site.tokens['reader']}")
    assert reader.status == 200
    assert "|SECRET|" in reader.text


def test_a_list_of_nothing_and_wrong_numbers(site: Site) -> None:
    empty = site.ask("DownloadServletV4", numberOfSeries="0")
    assert (empty.status, empty.text) == (
        400,
        "The manifest file should include at least one series instance UID.",
    )
    for number in ("", "-1", "x", "1e3", "99999999999", "٣"):
        assert site.ask("DownloadServletV4", numberOfSeries=number, series1="1.2.1").status == 400
    short = site.ask("DownloadServletV4", numberOfSeries="3", series1="1.2.1", series3="1.2.2")
    assert (short.status, short.text) == (400, "The parameter series2 is missing.")
    asked_by_address = site.ask("DownloadServletV4", "GET", numberOfSeries="1", series1="1.2.1")
    assert asked_by_address.text == site.list("1.2.1").text


def test_thousands_of_series_in_one_form(site: Site) -> None:
    """As many as the largest manifests of TCIA name; one of them is unknown."""
    answer = site.list("1.2.1", *(f"1.2.826.0.1.3680043.8.498.{n:036d}" for n in range(20_000)))
    assert answer.status == 460


# -- step 2 ------------------------------------------------------------------------------------------------


def test_a_series_as_tar(site: Site) -> None:
    uids = [f"1.2.1.{n}" for n in (8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7)]
    numbers = [f"1-{n}.dcm" for n in range(1, 6)] + [f"2-{n}.dcm" for n in range(1, 8)]
    for servlet in ("DownloadServlet", "DownloadServletV2", "DownloadServletV3", "DownloadServletV4"):
        plain = site.tar("1.2.1", servlet, userId="", H_password="")
        assert list(plain) == [f"{uid}.dcm" for uid in uids]
        assert [plain[f"{uid}.dcm"] for uid in uids] == [site.full.files[uid] for uid in uids]
        named = site.tar("1.2.1", servlet, newFileNames="Yes")
        if servlet != "DownloadServletV2":
            assert list(named) == [f"{uid}^{number}" for uid, number in zip(uids, numbers, strict=True)]
    answer = site.ask("DownloadServletV4", seriesUid="1.2.1")
    assert answer.headers["content-disposition"] == 'attachment; filename="1.2.1.tar"'


def test_annotations_come_first_and_digests_last(site: Site) -> None:
    asked = {"includeAnnotation": "true", "hasAnnotation": "true", "getMD5Hash": "Yes"}
    found = site.tar("1.2.1", **asked)
    assert list(found)[:2] == sorted([LONG, "b.csv"])
    assert {name: found[name] for name in (LONG, "b.csv")} == {n: FILES[n][1] for n in (LONG, "b.csv")}
    assert list(found)[-1] == "md5hashes.csv"
    header, *rows = found["md5hashes.csv"].decode().splitlines()
    images = [data for name, data in found.items() if name.endswith(".dcm")]
    assert header == "Filename,MD5Hash"
    assert rows[0] == f"1-1.dcm,{hashlib.md5(images[0]).hexdigest()}"
    assert [row.split(",")[1] for row in rows] == [hashlib.md5(data).hexdigest() for data in images]
    for less in ({"includeAnnotation": "false"}, {"hasAnnotation": "false"}, {"includeAnnotation": ""}):
        assert LONG not in site.tar("1.2.1", **{**asked, **less})
    assert LONG in site.tar("1.2.1", includeAnnotation="true")
    assert "md5hashes.csv" not in site.tar("1.2.1", "DownloadServletV3", **asked)


def test_what_a_client_has_is_left_out(site: Site) -> None:
    have = ",".join(f"'1.2.1.{n}'" for n in (8, 9, 1))
    rest = site.tar("1.2.1", sopUids=have, newFileNames="Yes")
    assert list(rest)[:2] == ["1.2.1.10^1-3.dcm", "1.2.1.11^1-4.dcm"]
    assert len(rest) == 9
    assert len(site.tar("1.2.1", sopUids='1.2.1.8, "1.2.1.9"')) == 10
    everything = ",".join(site.full.files)
    assert site.tar("1.2.1", sopUids=everything) == {}


def test_ranges_and_tags(site: Site) -> None:
    asked = {"seriesUid": "1.2.1", "includeAnnotation": "true"}
    whole = site.ask("DownloadServletV4", "GET", **asked)
    head = site.ask("DownloadServletV4", "HEAD", **asked)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    tag = whole.headers["etag"]
    assert site.ask("DownloadServletV4", **asked).headers["etag"] == tag
    for start, end in ((0, 0), (511, 1024), (5_000, 60_000), (len(whole.body) - 5, len(whole.body) - 1)):
        part = site.ask("DownloadServletV4", "GET", **asked, H_Range=f"bytes={start}-{end}", H_If_Range=tag)
        assert (part.status, part.body) == (206, whole.body[start : end + 1])
    assert site.ask("DownloadServletV4", "GET", **asked, H_If_None_Match=tag).status == 304
    # A form asks for the whole; ranges are GET's (RFC 9110 section 14.2).
    form = site.ask("DownloadServletV4", **asked, H_Range="bytes=0-9")
    assert (form.status, form.body) == (200, whole.body)
    assert site.ask("DownloadServletV4", **asked, H_If_None_Match=tag).status == 412
    other = site.ask("DownloadServletV4", "HEAD", seriesUid="1.2.1")
    assert other.headers["etag"] != tag


def test_a_file_that_is_gone_breaks_the_delivery_before_it_begins(site: Site, tmp_path: Path) -> None:
    made = site.archive.add("1.2.50", assignment=Assignment("Broken", "Broken"))
    (tmp_path / "lost.xml").write_bytes(b"<lost/>" * 100)
    (added,) = add_files(site.archive.address, made.series_uid, [tmp_path / "lost.xml"], "annotation")
    assert "lost.xml" in site.tar("1.2.50", includeAnnotation="true")
    site.archive.store.delete(added.file.location.key)
    answer = site.ask("DownloadServletV4", seriesUid="1.2.50", includeAnnotation="true")
    assert answer.status == 500
    assert "cannot be read" in answer.text
    assert added.file.location.key not in answer.text
    assert len(site.tar("1.2.50")) == 2


def test_who_may_have_what(site: Site) -> None:
    for servlet in ("DownloadServlet", "DownloadServletV2", "DownloadServletV3", "DownloadServletV4"):
        for uid in site.unseen:
            for token in ("undefined", site.tokens["stranger"]):
                answer = site.ask(
                    servlet, seriesUid=uid, includeAnnotation="true", H_Authorization=f"Bearer {token}"
                )
                assert (answer.status, answer.text) == (403, "Access Denied")
        token = {"H_Authorization": f"Bearer {site.tokens['reader']}"}
        assert list(site.tar("1.2.99", servlet, includeAnnotation="true", **token))[2:] == [
            "1.2.99.1.dcm",
            "1.2.99.2.dcm",
        ]
        assert list(site.tar("1.2.12", servlet)) == ["1.2.12.1.dcm", "1.2.12.2.dcm"]


def test_an_agreement_comes_before_the_bytes(site: Site) -> None:
    site.archive.catalog.agreements().put("Be kind.", "Closed")
    token = {"H_Authorization": f"Bearer {site.tokens['reader']}"}
    try:
        refused = site.ask("DownloadServletV4", seriesUid="1.2.99", includeAnnotation="true", **token)
        assert refused.status == 400
        assert "1.2.99" in refused.text
        assert 'rel="license"' in refused.headers["link"]
        other = site.fetch(
            site.url,
            "/nbia-api/services/v4/getImageOther?SeriesInstanceUID=1.2.99",
            Authorization=token["H_Authorization"],
        )
        assert (other.status, other.text) == (400, refused.text)
    finally:
        site.archive.catalog.agreements().withdraw("Closed")
    assert site.ask("DownloadServletV4", seriesUid="1.2.99", **token).status == 200


def test_each_delivery_is_recorded(site: Site) -> None:
    answer = site.ask(
        "DownloadServletV3", seriesUid="1.2.99", H_Authorization=f"Bearer {site.tokens['reader']}"
    )
    other = site.fetch(site.url, "/nbia-api/services/v1/getImageOther?SeriesInstanceUID=1.2.1")
    wanted = {
        ("1.2.99", "DownloadServletV3", "reader", len(answer.body)),
        ("1.2.1", "v1API", "", len(other.body)),
    }
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = {(d.series_instance_uid, d.kind, d.viewer, d.bytes) for d in site.archive.catalog.downloads()}
        if wanted <= found:
            return
        time.sleep(0.05)
    pytest.fail(f"not recorded: {wanted - found}")


# -- passwords ---------------------------------------------------------------------------------------------


def test_a_right_password_and_a_wrong_one(site: Site) -> None:
    right = {"userId": "reader", "H_password": encrypt("password of reader, ÄÖ", site.key())}
    assert "|SECRET|" in site.list("1.2.99", **right).text
    assert len(site.tar("1.2.99", **right)) == 2
    assert (
        site.list(
            "1.2.99", userId="stranger", H_password=encrypt("password of stranger, ÄÖ", site.key())
        ).status
        == 462
    )
    bad = [
        {"userId": "reader", "H_password": text}
        for text in (
            encrypt("guess", site.key()),
            encrypt("password of reader, ÄÖ", "other key"),
            "zz",
            "00" * 16,
        )
    ]
    for wrong in bad:
        answer = site.list("1.2.1", **wrong)
        assert (answer.status, answer.text) == (461, WRONG)
    for servlet, status in (("", 403), ("V2", 401), ("V3", 403), ("V4", 403)):
        assert site.ask(f"DownloadServlet{servlet}", seriesUid="1.2.1", **bad[0]).status == status


def test_too_many_wrong_passwords(site: Site) -> None:
    site.archive.catalog.accounts().add("target", "password of target, ÄÖ")
    statuses = [
        site.list("1.2.1", userId="target", H_password=encrypt(f"guess {n}", site.key())).status
        for n in range(12)
    ]
    assert statuses == [461] * 10 + [429] * 2
    # The same count as at the address for tokens.
    form = urlencode({"grant_type": "password", "username": "target", "password": "password of target, ÄÖ"})
    assert site.fetch(site.url, "/nbia-api/oauth/token", "POST", form.encode(), **FORM).status == 429


def test_passwords_are_not_taken_unless_switched_on(site: Site) -> None:
    right = {"userId": "reader", "H_password": encrypt("password of reader, ÄÖ", site.key())}
    answer = site.list("1.2.99", url=site.plain_url, **right)
    assert (answer.status, answer.text) == (461, WRONG)
    for guest in (
        {"userId": "", "H_password": ""},
        {"userId": "reader"},
        {"userId": "nbia_guest", "H_password": "x"},
    ):
        assert site.list("1.2.1", url=site.plain_url, **guest).status == 200
        assert site.list("1.2.99", url=site.plain_url, **guest).status == 460


ENCRYPT_JAVA = """
import java.security.SecureRandom; import javax.crypto.*; import javax.crypto.spec.SecretKeySpec;
public class Encrypt {
  public static void main(String[] arguments) throws Exception {
    SecureRandom seeded = SecureRandom.getInstance("SHA1PRNG");
    seeded.setSeed(arguments[0].getBytes("UTF-8"));
    KeyGenerator generator = KeyGenerator.getInstance("AES");
    generator.init(128, seeded);
    Cipher cipher = Cipher.getInstance("AES");
    cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(generator.generateKey().getEncoded(), "AES"));
    StringBuilder text = new StringBuilder();
    for (byte each : cipher.doFinal(arguments[1].getBytes("UTF-8"))) text.append(String.format("%02X", each));
    System.out.println(text);
  }
}
"""


def test_a_password_that_java_has_encrypted(site: Site, tmp_path: Path, java: Any) -> None:
    text = java("Encrypt", ENCRYPT_JAVA, [site.key(), "password of reader, \u00c4\u00d6"]).decode().strip()
    assert text == encrypt("password of reader, ÄÖ", site.key())


def test_the_version_and_the_key(site: Site) -> None:
    lines = site.ask("DownloadServletVersion", "GET", os="windows 11", appVersion="4.4").text.split("\n")
    assert lines[0] == "4.4"
    assert lines[1].startswith("https://")
    assert lines[3:] == ["false", f"{site.url}/", f"{site.url}/docs", ""]
    assert len(lines[2]) >= 43
    # One installation, one key, whichever of its servers is asked.
    other = site.ask("DownloadServletVersion", url=site.plain_url, os="CentOS").text.split("\n")
    assert other[2] == lines[2] == site.archive.catalog.installation_secret("retriever-key")


# -- what is not DICOM -------------------------------------------------------------------------------------


def zip_of(site: Site, path: str) -> dict[str, bytes]:
    answer = site.fetch(site.url, f"/nbia-api/services/{path}")
    assert answer.status == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_get_image_other(site: Site, version: str) -> None:
    assert zip_of(site, f"{version}/getImageOther?SeriesInstanceUID=1.2.1") == {
        n: data for n, (_, data) in FILES.items()
    }
    assert zip_of(site, f"{version}/getImageOther?SeriesInstanceUID=1.2.2") == {}
    for uid in (*site.unseen, "1.2.12"):
        answer = site.fetch(site.url, f"/nbia-api/services/{version}/getImageOther?SeriesInstanceUID={uid}")
        assert answer.status == 400
        assert uid in answer.text


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_annotations_of_get_dcm_image(site: Site, version: str) -> None:
    plain = zip_of(site, f"{version}/getDCMImage?SeriesInstanceUID=1.2.1&MD5Verification=true")
    assert len(plain) == 13
    annotated = zip_of(
        site, f"{version}/getDCMImage?SeriesInstanceUID=1.2.1&IncludeAnnotation=true&MD5Verification=true"
    )
    assert list(annotated) == [*list(plain)[:12], *sorted([LONG, "b.csv"]), "md5hashes.csv"]
    # Names hold commas: the digest is what follows the last.
    rows = [line.rsplit(",", 1) for line in annotated.pop("md5hashes.csv").decode().splitlines()[1:]]
    assert dict(rows) == {name: hashlib.md5(data).hexdigest() for name, data in annotated.items()}
    assert not set(zip_of(site, f"{version}/getImage?SeriesInstanceUID=1.2.1")) & set(FILES)


def test_lists_tell_of_annotations(site: Site) -> None:
    rows = json.loads(site.fetch(site.url, "/nbia-api/services/v4/getSeries?Collection=Open-CT").body)
    assert [row["AnnotationsFlag"] for row in rows] == ["true"]
    bare = json.loads(site.fetch(site.url, "/nbia-api/services/v4/getSeries?Collection=Bare").body)
    assert "AnnotationsFlag" not in bare[0]
    meta = json.loads(
        site.fetch(site.url, "/nbia-api/services/v1/getSeriesMetaData?SeriesInstanceUID=1.2.1").body
    )
    assert (meta[0]["Annotations Flag"], meta[0]["Annotation Size"]) == ("true", str(50_004))


# -- retrievers --------------------------------------------------------------------------------------------


READ_TAR_JAVA = """
import java.io.*; import java.math.BigInteger; import java.net.*; import java.security.MessageDigest;
import org.apache.commons.compress.archivers.tar.*;
public class ReadTar {
  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    HttpURLConnection connection = (HttpURLConnection) new URL(arguments[0]).openConnection();
    connection.setDoOutput(true);
    connection.setRequestProperty("password", "");
    connection.getOutputStream().write(arguments[1].getBytes("US-ASCII"));
    try (TarArchiveInputStream in = new TarArchiveInputStream(connection.getInputStream())) {
      byte[] buffer = new byte[65536];
      for (TarArchiveEntry entry; (entry = in.getNextTarEntry()) != null; ) {
        MessageDigest digest = MessageDigest.getInstance("MD5");
        long size = 0;
        for (int n; (n = in.read(buffer)) >= 0; size += n) digest.update(buffer, 0, n);
        String md5 = String.format("%032x", new BigInteger(1, digest.digest()));
        out.println(md5 + " " + size + " " + entry.getSize() + " " + entry.getName());
      }
    }
  }
}
"""
COMPRESS = Path("/usr/share/java/commons-compress.jar")


def test_commons_compress_reads_it(site: Site, java: Any) -> None:
    if not COMPRESS.exists():
        pytest.skip("commons-compress is not installed (Debian: libcommons-compress-java)")
    asked = {"seriesUid": "1.2.1", "includeAnnotation": "true", "newFileNames": "Yes", "getMD5Hash": "Yes"}
    arguments = [f"{site.url}{SERVLETS}/DownloadServletV4", urlencode(asked)]
    printed = java("ReadTar", READ_TAR_JAVA, arguments, jar=COMPRESS).decode()
    found = [line.split(" ", 3) for line in printed.splitlines()]
    expected = site.tar(asked.pop("seriesUid"), **asked)
    assert [row[3] for row in found] == list(expected)
    assert [(row[0], row[1], row[2]) for row in found] == [
        (hashlib.md5(data).hexdigest(), str(len(data)), str(len(data))) for data in expected.values()
    ]


def test_from_a_manifest_to_the_files(site: Site) -> None:
    """What the Java retriever does with a manifest that this server has made."""
    form = urlencode({"list": "1.2.1,1.2.2", "includeAnnotation": "true"})
    manifest = site.fetch(
        site.url, "/nbia-api/services/v4/getManifestText", "POST", form.encode(), **FORM
    ).text
    head, _, uids = manifest.partition("ListOfSeriesToDownload=\n")
    fields = dict(line.split("=", 1) for line in head.splitlines())
    servlet = fields["downloadServerUrl"].removeprefix(site.url)
    assert servlet == f"{SERVLETS}/DownloadServlet"
    version = site.fetch(site.url, f"{servlet}Version?os=windows&appVersion=4.4")
    assert version.text.split("\n")[3] == "false"
    api = servlet.replace("nbia-download/servlet/DownloadServlet", "nbia-api/services/")
    assert site.fetch(site.url, f"{api}v1/getUserAgreementTxt").status in {200, 404}
    assert b"CT Image Storage" in site.fetch(site.url, f"{api}v1/getAllSOPClassDefinition").body
    wanted = uids.split()
    assert site.fetch(site.url, f"{api}v1/getDeniedSeries?seriesList={','.join(wanted)}").status == 204
    named = {f"series{number}": uid for number, uid in enumerate(wanted, 1)}
    listed = site.ask("DownloadServletV4", numberOfSeries=len(wanted), userId="", H_password="", **named)
    for line in listed.text.splitlines():
        columns = line.split("|")
        assert len(columns) == 24
        metadata = site.fetch(
            site.url, f"{api}v1/getSeriesMetaData?SeriesInstanceUID={columns[3]}&format=csv"
        ).text
        (row,) = csv.DictReader(io.StringIO(metadata))
        assert (row["Series UID"], row["File Size"]) == (columns[3], columns[6])
        files = site.tar(
            columns[3],
            userId="",
            H_password="",
            includeAnnotation=fields["includeAnnotation"],
            hasAnnotation="true" if columns[4] == "Yes" else "false",
            sopUids="",
            newFileNames="Yes",
        )
        images = {name: data for name, data in files.items() if name.endswith(".dcm")}
        assert len(images) == int(columns[5])
        assert sum(map(len, images.values())) == int(columns[6])
        assert sum(map(len, files.values())) == int(columns[6]) + int(columns[7])
        zipped = zip_of(
            site, f"v1/getDCMImage?SeriesInstanceUID={columns[3]}&IncludeAnnotation=true&MD5Verification=true"
        )
        assert {name.partition("^")[2] or name: data for name, data in files.items()} == {
            name: data for name, data in zipped.items() if name != "md5hashes.csv"
        }


def test_the_requests_of_the_go_retriever(site: Site) -> None:
    form = urlencode(
        {"username": "nbia_guest", "password": "", "client_id": "NBIA", "grant_type": "password"}
    )
    token = json.loads(site.fetch(site.url, "/nbia-api/oauth/token", "POST", form.encode(), **FORM).body)[
        "access_token"
    ]
    bearer = {"Authorization": f"Bearer {token}"}
    form = urlencode({"list": "1.2.1,1.2.2", "format": "csv"})
    answer = site.fetch(
        site.url, "/nbia-api/services/v4/getSeriesMetadata", "POST", form.encode(), **FORM, **bearer
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["SeriesInstanceUID"] for row in rows] == ["1.2.1", "1.2.2"]
    for row in rows:
        uid = row["SeriesInstanceUID"]
        checked = site.fetch(
            site.url, f"/nbia-api/services/v2/getImageWithMD5Hash?SeriesInstanceUID={uid}", **bearer
        )
        with zipfile.ZipFile(io.BytesIO(checked.body)) as archive:
            names = archive.namelist()
            listed = dict(line.split(",") for line in archive.read("md5hashes.csv").decode().splitlines()[1:])
            assert set(names) == {*listed, "md5hashes.csv"}
            assert all(hashlib.md5(archive.read(name)).hexdigest() == md5 for name, md5 in listed.items())
        assert len(listed) == int(row["ImageCount"])
        assert (
            site.fetch(site.url, f"/nbia-api/services/v4/getImage?SeriesInstanceUID={uid}", **bearer).status
            == 200
        )
