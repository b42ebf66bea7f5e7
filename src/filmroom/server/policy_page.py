"""The HTML of the data usage policy: what it says, the login, and the agreements of an account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from filmroom.model.agreements import Agreement, ShownAgreement
from filmroom.model.policy import Attribution
from filmroom.server.errors import POLICY_PATH
from filmroom.server.pages import page

LOGIN_PATH = f"{POLICY_PATH}/login"
ACCEPT_PATH = f"{POLICY_PATH}/accept"


def policy_page(
    own: Agreement | None,
    licences: Iterable[tuple[str, str]],
    attribution: Attribution | None,
    *,
    problem: str = "",
) -> str:
    """Return the page at ``/policy``.

    :param own: the archive's agreement. :param licences: name and address of those of public data.
    :param problem: what to tell of a login that failed.
    """
    return page(
        "Data usage policy",
        "<h1>Data usage policy</h1>"
        "<p>Each series has its licence: lists name it, and the ZIP of a series holds it in a file LICENSE. "
        "Whoever downloads a series agrees to it.</p>"
        + _licences(licences)
        + _attribution(attribution)
        + _own(own)
        + _login_form(problem)
        + '<p><a href="/">Start</a></p>',
    )


def agreements_page(login: str, token: str, shown: Sequence[ShownAgreement], *, remark: str = "") -> str:
    """Return the page on which an account reads and accepts its agreements.

    :param token: proves the login when a form of the page is sent. :param remark: what just happened.
    """
    missing = sum(each.is_missing for each in shown)
    state = {0: "Nothing is left to accept.", 1: "One agreement waits for you."}.get(
        missing, f"{missing} agreements wait for you."
    )
    told = f'<p role="status"><strong>{escape(remark)}</strong></p>' if remark else ""
    return page(
        "Your agreements",
        f"<h1>Agreements of {escape(login)}</h1>{told}<p>{state}</p>"
        + "".join(_shown(each, token) for each in sorted(shown, key=lambda each: not each.is_missing))
        + f'<p><a href="{POLICY_PATH}">Data usage policy</a>, <a href="/">start</a></p>',
    )


def _licences(licences: Iterable[tuple[str, str]]) -> str:
    items = "".join(
        f'<li><a href="{escape(url)}">{escape(name)}</a></li>' if url else f"<li>{escape(name)}</li>"
        for name, url in licences
    )
    return f"<h2>Licences in use</h2><ul>{items}</ul>" if items else ""


def _attribution(attribution: Attribution | None) -> str:
    if attribution is None:
        return ""
    url = escape(attribution.policy_url)
    linked = escape(attribution.text).replace(url, f'<a href="{url}">{url}</a>') if url else ""
    lines = (linked or escape(attribution.text)).replace("\n", "<br>")
    return f"<h2>Where the data come from</h2><p>{lines}</p>"


def _own(own: Agreement | None) -> str:
    if own is None:
        return ""
    return (
        f"<h2>Data usage agreement</h2><p>Version {own.version}, {own.created:%d %B %Y}. "
        "Restricted data are given out to accounts that were granted them and have accepted it.</p>"
        f"<pre>{escape(own.text)}</pre>"
    )


def _login_form(problem: str) -> str:
    told = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    return (
        f'<h2 id="login">Accept an agreement</h2>{told}'
        "<p>Log in to read and accept the agreements of the restricted data that you were granted.</p>"
        f'<form method="post" action="{LOGIN_PATH}">'
        '<p><label>Login<br><input name="login" autocomplete="username" maxlength="200"></label></p>'
        '<p><label>Password<br><input name="password" type="password" autocomplete="current-password">'
        "</label></p>"
        '<p><label>Or an access token<br><input name="token" type="password" autocomplete="off"></label></p>'
        "<p><button>Log in</button></p></form>"
    )


def _shown(shown: ShownAgreement, token: str) -> str:
    if shown.accepted is not None:
        state = f"<p>You accepted it on {shown.accepted:%d %B %Y at %H:%M} UTC.</p>"
    else:
        reason = "" if shown.required else "<p>Nothing that you were granted comes under it at present.</p>"
        state = (
            f'{reason}<form method="post" action="{ACCEPT_PATH}">'
            f'<input type="hidden" name="token" value="{escape(token)}">'
            f'<input type="hidden" name="agreement" value="{shown.id}">'
            "<p><button>I have read this agreement and accept it</button></p></form>"
        )
    return (
        f"<h2>{escape(shown.title)}</h2><p>Version {shown.version}, {shown.created:%d %B %Y}.</p>"
        f"<pre>{escape(shown.text)}</pre>{state}"
    )
