"""Addresses, retries and ranges: decisions without I/O."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmroom.errors import BadAnswer, InvalidInput
from filmroom.net.address import server_root
from filmroom.net.ranges import continuation_headers, continues, parse_content_range, strong_etag
from filmroom.net.retry import RetryPolicy, retry_after_seconds


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("https://nbia.cancerimagingarchive.net", "https://nbia.cancerimagingarchive.net"),
        (
            "https://nbia.cancerimagingarchive.net/nbia-api/services/v4/",
            "https://nbia.cancerimagingarchive.net",
        ),
        ("https://x.org/nbia-api/services", "https://x.org"),
        ("https://x.org/nbia-api", "https://x.org"),
        ("https://x.org/nbia-download/servlet/DownloadServlet", "https://x.org"),
        ("https://x.org/below/this/nbia-api/services/v1", "https://x.org/below/this"),
        ("nbia.cancerimagingarchive.net", "https://nbia.cancerimagingarchive.net"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/nbia-api", "http://[::1]:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        (" http://h:1 ", "http://h:1"),
    ],
)
def test_server_root(text: str, root: str) -> None:
    assert server_root(text) == root
    assert server_root(root) == root


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "http://", "http://x:99999", "http://x y", "file:///etc", "http://x?q=1", "http://x#f"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput):
        server_root(text)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        server_root("https://me:secret@x.org")
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        server_root("ftp://me:secret@x.org")
    assert "secret" not in str(caught.value)


def test_waiting_grows_and_ends() -> None:
    policy = RetryPolicy(attempts=4, first_wait=1, longest_wait=3)
    assert [policy.wait(n, chance=lambda: 1.0) for n in (1, 2, 3, 4)] == [1, 2, 3, None]
    assert policy.wait(1, chance=lambda: 0.0) == 0.5
    assert policy.wait(1, retry_after=2.5) == 2.5
    assert policy.wait(1, retry_after=99) == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 0 ", 0),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("٣", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    now = dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)
    assert retry_after_seconds(value, now) == seconds


@given(st.text(max_size=60))
def test_headers_of_any_kind_raise_nothing_else(value: str) -> None:
    retry_after_seconds(value)
    strong_etag(value)
    try:
        parse_content_range(value)
    except BadAnswer:
        return


def test_etags() -> None:
    assert strong_etag('"abc"') == '"abc"'
    assert strong_etag('W/"abc"') is None
    assert strong_etag('"a\r\nX: y"') is None
    assert strong_etag(None) is None
    assert continuation_headers(7, '"e"') == {"Range": "bytes=7-", "If-Range": '"e"'}


def test_continuing() -> None:
    def answer(status: int, text: str, etag: str = '"e"') -> bool:
        headers = {"content-range": text, "etag": etag}
        return continues(status, headers, offset=10, etag='"e"', total=100)

    assert answer(206, "bytes 10-99/100")
    assert answer(206, "bytes 10-50/*")
    assert not answer(200, "")
    for text in (
        "",
        "bytes 11-99/100",
        "bytes 10-99/101",
        "bytes 10-5/100",
        "bytes 10-100/100",
        "items 1-2/3",
    ):
        with pytest.raises(BadAnswer):
            answer(206, text)
    with pytest.raises(BadAnswer, match="another version"):
        answer(206, "bytes 10-99/100", '"f"')
