"""Addresses of S3 objects that work without credentials for a short time.

AWS Signature Version 4 in the query (Amazon S3 API reference, "Authenticating requests: using query
parameters"). It is done here because the S3 library cannot sign the ``response-…`` parameters, with which
the service is told under which name and type to deliver an object.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Presigner:
    """Signs for one bucket and prefix with fixed credentials."""

    base: str  # the bucket's address, without a slash at its end
    prefix: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, bucket: str, prefix: str, endpoint: str) -> Presigner | None:
        """Return a signer, or None where the environment holds no fixed credentials."""
        access_key = os.environ.get("AWS_ACCESS_KEY_ID", "")
        secret_key = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        if not access_key or not secret_key:
            return None
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        if endpoint:
            base = f"{endpoint}/{bucket}"
        elif "." in bucket:  # would not match the certificate as a host's name
            base = f"https://s3.{region}.amazonaws.com/{bucket}"
        else:
            base = f"https://{bucket}.s3.{region}.amazonaws.com"
        token = os.environ.get("AWS_SESSION_TOKEN", "")
        return cls(base, prefix, region, access_key, secret_key, token)

    def url(
        self,
        key: str,
        *,
        method: str,
        seconds: int,
        answer: Mapping[str, str],
        now: dt.datetime | None = None,
    ) -> str:
        """Return an address for one object.

        :param method: ``GET`` or ``HEAD``. :param seconds: how long it works. :param answer: headers that
            the service is to answer with, for example ``{"content-type": "application/dicom"}``.
        """
        parts = urlsplit(self.base)
        path = f"{parts.path}/{self.prefix}/{key}" if self.prefix else f"{parts.path}/{key}"
        stamp = (now or dt.datetime.now(dt.UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": self.token} if self.token else {}),
            **{f"response-{name}": value for name, value in answer.items()},
        }
        text = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        path = quote(path, safe="/-_.~")
        request = "\n".join([method, path, text, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest])
        signature = _hmac(self._key(stamp[:8]), to_sign).hex()
        return f"{parts.scheme}://{parts.netloc}{path}?{text}&X-Amz-Signature={signature}"

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = _hmac(key, part)
        return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
