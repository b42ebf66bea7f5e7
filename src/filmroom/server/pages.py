"""The two pages for people: what this server is, and its API; no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlencode

from filmroom import __version__
from filmroom.wire.operation import TABLE, Operation, Version
from filmroom.wire.operations import find_operation
from filmroom.wire.successors import common_differences, differences, example_calls

INSTITUTE_LOGIN_PATH = "/login/oidc"

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
code{font:0.9em ui-monospace,monospace;background:var(--soft);padding:.1em .3em;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:.4rem;padding:.4rem .8rem;margin:.5rem 0}
summary{cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.8rem;border-radius:.4rem}
input,button{font:inherit;padding:.3rem .6rem}
.cite{user-select:all;margin:.5rem 0;padding:.8rem;background:var(--soft);border-radius:.4rem}
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def _headers(form_action: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
            f"base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
    }


PAGE_HEADERS = _headers("'none'")
"""Headers of every page: only the one style sheet in it may take effect."""
FORM_HEADERS = _headers("'self'")
"""Those of a page with a form, which is sent to this server and to no other."""


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def home_page(collections: Sequence[str], *, institute: bool = False) -> str:
    """Return the page at ``/``.

    :param collections: names of those that everybody may see.
    :param institute: whether people log in with their institute's provider.
    """
    items = "".join(
        f'<li><a href="{escape(_patients_of(name))}">{escape(name)}</a></li>' for name in collections
    )
    held = f"<ul>{items}</ul>" if items else "<p>Nothing that is public yet.</p>"
    login = f'<li><a href="{INSTITUTE_LOGIN_PATH}">Log in with your institute</a></li>' if institute else ""
    return page(
        "Filmroom",
        "<h1>Filmroom</h1><p>An archive for cancer images that speaks NBIA. "
        f"Version {escape(__version__)}.</p><h2>Collections</h2>{held}"
        '<h2>Ways in</h2><ul><li><a href="/docs">The API</a>, with examples to follow</li>'
        '<li><a href="/nbia-api/services/v4/getSeries">All series</a> as JSON</li>'
        '<li><a href="/openapi.json">OpenAPI document</a></li>'
        '<li><a href="/policy">Data usage policy</a>, and agreements to accept</li>'
        '<li><a href="/docs/migration">From the API of before 2022</a></li>'
        f"{login}</ul>"
        "<p>From a terminal: <code>filmroom collections --server ADDRESS</code>, "
        "<code>filmroom download --server ADDRESS --collection NAME</code></p>",
    )


def _patients_of(collection: str) -> str:
    return (
        f"{find_operation('v4', 'getPatient').path}?{urlencode({'Collection': collection, 'format': 'html'})}"
    )


def _example(operation: Operation) -> str:
    given = {
        parameter.name: parameter.example
        for parameter in operation.parameters
        if parameter.required and parameter.example
    }
    return f"{operation.path}?{urlencode(given)}" if given else operation.path


def _parameters(operation: Operation) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter.name)}</code></td>"
        f"<td>{'required' if parameter.required else ''}</td>"
        f"<td>{escape('; '.join(t for t in (parameter.help, parameter.kind.form.help) if t))}</td>"
        f"<td><code>{escape(parameter.example)}</code></td></tr>"
        for parameter in operation.parameters
    )
    return f"<table><tr><th>Parameter</th><th></th><th>Meaning</th><th>Example</th></tr>{rows}</table>"


def _answer(operation: Operation) -> str:
    if operation.media != TABLE or operation.view is None:
        return f"<p>Answer: <code>{escape(operation.media)}</code></p>"
    names = ", ".join(f"<code>{escape(column.name)}</code>" for column in operation.view.columns)
    return f"<p>Columns: {names}</p>"


def _operation(operation: Operation) -> str:
    notes = f"<p>{escape(operation.notes)}</p>" if operation.notes else ""
    example = escape(_example(operation))
    attempt = f'<p>Try it: <a href="{example}">{example}</a></p>' if operation.method == "GET" else ""
    if operation.auth == "required" and operation.method == "GET":
        attempt = f"<p>With a token: <code>{example}</code></p>"
    return (
        f"<details><summary><code>{operation.method} {escape(operation.path)}</code> "
        f"{escape(operation.summary)}</summary>{notes}{_parameters(operation)}{_answer(operation)}{attempt}"
        "</details>"
    )


_HEADINGS: dict[Version, str] = {
    "v4": "Version 4",
    "v2": "Version 2",
    "v1": "Version 1",
    "": "Without a version",
    "legacy": "Before 2022 (deprecated)",
}
"""The parts of the page, in their order."""


def api_page(operations: Iterable[Operation]) -> str:
    """Return the page at ``/docs``."""
    by_version: dict[str, list[Operation]] = {}
    for operation in operations:
        by_version.setdefault(operation.version, []).append(operation)
    sections = "".join(
        f"<h2>{escape(heading)}</h2>{''.join(map(_operation, by_version.get(version, ())))}"
        for version, heading in _HEADINGS.items()
    )
    return page(
        "Filmroom API",
        "<h1>Filmroom API</h1><p>The NBIA operations of this server. "
        '<a href="/openapi.json">OpenAPI document</a>, <a href="/">start</a>. '
        "Those of NBIA also answer below <code>/nbia-api</code> without <code>services/</code>. "
        "An answer without rows is zero bytes.</p>" + sections,
    )


def migration_page(operations: Sequence[Operation], *, answered: bool) -> str:
    """Return the page about deprecated operations. :param answered: whether this server answers them."""
    common = common_differences(operations)
    rows = "".join(
        f"<tr><td>{_code(old)}</td><td>{_code(new)}</td>"
        f"<td>{_sentences(each for each in differences(operation) if each not in common)}</td></tr>"
        for operation in operations
        for old, new in [example_calls(operation)]
    )
    state = "still answers" if answered else "does not answer"
    return page(
        "From the API of before 2022",
        "<h1>From the API of before 2022</h1><p>TCIA ended the operations on the left on 22 June 2022. "
        f'This server {state} them. <a href="/docs">The API of today</a>, <a href="/">start</a>.</p>'
        f"<p>For all of them:</p>{_sentences(common)}"
        f"<table><tr><th>Then</th><th>Today</th><th>What differs</th></tr>{rows}</table>",
    )


def _sentences(sentences: Iterable[str]) -> str:
    """Return a list of sentences, what stands in backticks as code."""
    marked = (re.sub("`([^`]*)`", r"<code>\1</code>", escape(sentence)) for sentence in sentences)
    return f"<ul>{''.join(f'<li>{sentence}</li>' for sentence in marked)}</ul>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
