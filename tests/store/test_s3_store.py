"""The store in an S3 bucket, against a real service and through connections that break."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import obstore
import pytest
from obstore.store import S3Store as Bucket

from filmroom.errors import InvalidInput, MissingExtra, ObjectExists, ObjectMissing, StoreError
from filmroom.store import open_store
from filmroom.store.s3_errors import translated
from filmroom.testing.relay import Relay
from filmroom.testing.stores import StoreSuite

MIB = 1 << 20


@pytest.fixture
def bucket(s3):
    with s3.bucket() as made:
        yield made


@pytest.fixture
def s3_store(bucket):
    return open_store(f"s3://{bucket}/archive")


@pytest.fixture
def raw(bucket):
    """The bucket as any other program sees it."""
    return Bucket(bucket, client_options={"allow_http": True})


class TestS3Store(StoreSuite):
    @pytest.fixture
    def store(self, s3_store):
        return s3_store


def names(raw):
    return [item["path"] for page in obstore.list(raw) for item in page]


class TestLargeObjects:
    """Above the size of a pack an object goes up part by part."""

    def test_come_back_whole(self, s3_store, raw):
        chunk = os.urandom(MIB)
        written = s3_store.write("ab/large", (chunk for _ in range(100)))
        assert written.size == 100 * MIB
        assert s3_store.stat("ab/large") == written
        got = hashlib.sha256()
        for piece in s3_store.read("ab/large"):
            got.update(piece)
        assert got.digest() == hashlib.sha256(chunk * 100).digest()
        assert names(raw) == ["archive/ab/large"]

    def test_leave_nothing_when_the_source_breaks(self, s3_store, raw):
        def broken():
            for _ in range(90):
                yield bytes(MIB)
            raise ConnectionError("the source broke")

        with pytest.raises(ConnectionError, match="the source broke"):
            s3_store.write("ab/large", broken())
        assert names(raw) == []

    def test_are_invisible_until_they_are_whole(self, s3_store, raw):
        def watched():
            for _ in range(90):
                yield bytes(MIB)
            assert names(raw) == []
            with pytest.raises(ObjectMissing):
                s3_store.stat("ab/large")

        s3_store.write("ab/large", watched())
        assert names(raw) == ["archive/ab/large"]

    def test_do_not_overwrite(self, s3_store):
        s3_store.write("ab/large", [b"first"])
        with pytest.raises(ObjectExists):
            s3_store.write("ab/large", (bytes(MIB) for _ in range(90)))
        assert b"".join(s3_store.read("ab/large")) == b"first"

    def test_need_little_memory(self, bucket):
        program = (
            "import resource, sys\n"
            "from filmroom.store import open_store\n"
            "store = open_store(sys.argv[1])\n"
            "store.write('small', [b'x'])\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "store.write('large', (bytes(1 << 20) for _ in range(400)))\n"
            "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, f"s3://{bucket}"], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) < 200  # MiB; the object has 400


@pytest.fixture
def relay(s3):
    with Relay(s3.endpoint) as made:
        yield made


@pytest.fixture
def relayed(relay, bucket, monkeypatch):
    """The store, reached through the relay."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
    return open_store(f"s3://{bucket}/archive")


class TestBrokenConnections:
    def test_a_read_goes_on_where_it_was(self, s3_store, relayed, relay):
        content = os.urandom(20 * MIB)
        s3_store.write("ab/x", [content])
        relay.cuts = [3 * MIB, 5 * MIB, 100]
        assert b"".join(relayed.read("ab/x", 1000, 19 * MIB)) == content[1000 : 1000 + 19 * MIB]
        assert relay.cuts == []

    def test_a_read_that_breaks_for_ever_is_an_error(self, s3_store, relayed, relay):
        s3_store.write("ab/x", [bytes(20 * MIB)])
        relay.cuts = [MIB] * 40
        with pytest.raises(StoreError, match="cannot be reached"):
            for _ in relayed.read("ab/x"):
                pass
        assert 3 < relay.connections < 40

    def test_an_object_whose_answer_was_lost_is_written_once(self, s3_store, relayed, relay, raw):
        relay.cuts = [0, 0]
        content = os.urandom(1000)
        written = relayed.write("ab/x", [content])
        assert written == s3_store.stat("ab/x")
        assert b"".join(s3_store.read("ab/x")) == content
        assert names(raw) == ["archive/ab/x"]
        with pytest.raises(ObjectExists):
            relayed.write("ab/x", [content])

    def test_a_service_that_is_away_is_an_error_in_time(self, relayed, relay):
        relay.is_down = True
        begun = time.monotonic()
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            relayed.stat("ab/x")
        assert time.monotonic() - begun < 25
        assert relay.url not in str(caught.value)

    def test_a_replaced_object_is_not_mixed_with_the_old_one(self, s3_store, relayed, relay, raw):
        s3_store.write("ab/x", [bytes(20 * MIB)])
        relay.cuts = [3 * MIB]
        relay.before_cut = lambda: obstore.put(raw, "archive/ab/x", b"\1" * (20 * MIB))
        with pytest.raises(StoreError, match="replaced"):
            for _ in relayed.read("ab/x"):
                pass


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "s3://",
            "s3:///prefix",
            "s3://UPPER/x",
            "s3://key:hunter2@bucket/x",
            "s3://bucket?x=hunter2",
            "s3://bucket/a b",
            "s3://bucket/../x",
            "s3:bucket",
        ],
    )
    def test_bad_addresses_are_refused_without_repeating_secrets(self, url):
        with pytest.raises(InvalidInput) as caught:
            open_store(url)
        assert "hunter2" not in f"{caught.value} {caught.value.advice}"

    def test_prefixes_keep_archives_apart(self, bucket):
        one, other, whole = (open_store(f"s3://{bucket}{path}") for path in ("/one", "/other/deep", ""))
        one.write("k", [b"1"])
        other.write("k", [b"2"])
        assert list(one.keys()) == ["k"]
        assert b"".join(other.read("k")) == b"2"
        assert list(whole.keys()) == ["one/k", "other/deep/k"]

    def test_an_absent_bucket_is_told(self, s3):
        store = open_store("s3://never-made-this-one")
        with pytest.raises(StoreError, match="bucket does not exist"):
            list(store.keys())
        with pytest.raises(StoreError, match="bucket does not exist"):
            list(store.read("x", 0, 1))

    def test_wrong_credentials_are_told_without_them(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        store = open_store(f"s3://{bucket}")
        for ask in (lambda: store.stat("x"), lambda: store.write("x", [b""]), lambda: list(store.keys())):
            with pytest.raises(StoreError, match="refuses access") as caught:
                ask()
            said = f"{caught.value} {caught.value.__cause__} {caught.value.__context__ and ''}"
            assert "hunter2" not in said
            assert os.environ["AWS_ACCESS_KEY_ID"] not in said

    def test_the_missing_extra_is_named(self, monkeypatch):
        for name in [name for name in sys.modules if name.startswith(("obstore", "filmroom.store.s3"))]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "obstore", None)
        with pytest.raises(MissingExtra, match="'s3'"):
            open_store("s3://bucket")


def test_a_full_store_is_told_as_full():
    from obstore.exceptions import GenericError

    full = GenericError("status code: 507 Insufficient Storage: <Code>XMinioStorageFull</Code>")
    assert type(translated(full, "x")).__name__ == "StoreFull"


def test_a_presigned_address_works_alone_and_for_one_object(s3, s3_store):
    import urllib.error
    import urllib.request

    s3_store.write("ab/x.dcm", [b"content"])
    s3_store.write("ab/y.dcm", [b"other"])
    answer = {"content-type": "application/dicom", "content-disposition": 'attachment; filename="é 1.dcm"'}
    url = s3_store.presigned("ab/x.dcm", method="GET", seconds=60, answer=answer)
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.read() == b"content"
        assert response.headers["Content-Type"] == "application/dicom"
        assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    for changed in (url.replace("x.dcm", "y.dcm", 1), url[:-1] + "0" if url[-1] != "0" else url[:-1] + "1"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(changed, timeout=10)
    assert s3.environment["AWS_SECRET_ACCESS_KEY"] not in url
