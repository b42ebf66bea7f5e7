"""Fail when an installed dependency has a licence that Filmroom does not accept.

Permissive licences only; the exceptions are optional parts or tools that no user of the client needs.
"""

from __future__ import annotations

import json
import subprocess
import sys

PERMISSIVE = (
    "apache", "bsd", "isc", "mit", "psf", "python software foundation", "0bsd", "unlicense", "zlib", "cc0",
    "hpnd", "public domain",
)  # fmt: skip

# Name -> why it is accepted all the same.
EXCEPTIONS = {
    "certifi": "MPL-2.0; a certificate list that tools of the check use",
    "isbnlib2": "LGPL-3.0; tests only, with the DataCite client of the package index",
    "luqum": "Apache-2.0 or LGPL-3.0; Apache-2.0 is taken",
    "hypothesis": "MPL-2.0; tests only",
    "orjson": "MPL-2.0 in part; tools of the check only",
    "pathspec": "MPL-2.0; tools of the check only",
    "tqdm": "MPL-2.0 in part; tools of the check only",
    "psycopg": "LGPL-3.0; extra postgres only",
    "psycopg-binary": "LGPL-3.0; extra postgres only",
    "prettytable": "BSD; its metadata says so only in a classifier",
}
FORBIDDEN = {"pylibjpeg-libjpeg"}


def main() -> int:
    """Return the number of packages with a licence that is not accepted."""
    output = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--from=all", "--with-system"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wrong = []
    for package in json.loads(output):
        name = package["Name"].lower()
        stated = " ".join(str(value) for key, value in package.items() if key.startswith("License")).lower()
        accepted = any(word in stated for word in PERMISSIVE) and "gpl" not in stated.replace("lgpl", "")
        if name in FORBIDDEN or ("lgpl" in stated and name not in EXCEPTIONS):
            accepted = False
        if not accepted and name not in EXCEPTIONS and name != "filmroom":
            wrong.append(f"{package['Name']} {package['Version']}: {stated}")
    for line in wrong:
        print(f"licence not accepted: {line}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
