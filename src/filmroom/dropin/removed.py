"""What tcia_utils 3.3.5 no longer has: as in the last release that had it, with a warning in the log."""

from __future__ import annotations

import functools
import getpass
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from filmroom.dropin.ask import parsed, save_frame, shaped
from filmroom.dropin.extras import pandas
from filmroom.dropin.html_table import study_link
from filmroom.dropin.search import getSimpleSearch
from filmroom.dropin.series_table import metadata_frame
from filmroom.dropin.session import API_PATH, complain, log, quietly, session
from filmroom.errors import FilmroomError, InvalidInput
from filmroom.wire.login import LOGOUT_PATHS

P = ParamSpec("P")
T = TypeVar("T")

CREDENTIALS = "credentials.txt"
_VIEWERS = "Filmroom has no viewer for notebooks; idcOhifViewer() makes links to one"


def _former(advice: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark a function that tcia_utils no longer has; each call says what takes its place."""

    def mark(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            log.warning("%s is deprecated: %s.", function.__name__, advice)
            return function(*args, **kwargs)

        return call

    return mark


# Logins ----------------------------------------------------------------------------------------------
@_former("public data need no login; Client(login=…, password=…) is the way for others")
@quietly
def getToken(user: str = "", pw: str = "", api_url: str = "", return_values: bool = False) -> Any:
    """Log in; later calls to the same server go with the login, and renew it.

    What is empty is asked for. The token is shown as ``nbia.access_token``, ``nbia.api_call_headers`` …

    :return: with ``return_values``: header, access token, end, refresh token, ID token (None); else None.
    """
    shown = session.log_in(api_url, *_credentials(user, pw))
    log.info("Logged in; the token is good until %s and renewed before.", shown[2])
    return shown if return_values else None


@_former("tokens are renewed when they end")
@quietly
def refreshToken(api_url: str = "primary", return_values: bool = False) -> Any:
    """Fetch a new token for the login of :func:`getToken`, and return what that does."""
    shown = session.renew(api_url)
    return shown if return_values else None


@_former("a login ends with the program")
@quietly
def logoutToken(api_url: str = "") -> None:
    """End a login, here and on the server."""
    connection = session.client(api_url).connection
    if connection.has_login:
        connection.post(LOGOUT_PATHS[0], {})
    session.log_out(api_url)


@_former("only the Java retriever reads such a file")
@quietly
def makeCredentialFile(user: str = "", pw: str = "") -> None:
    """Write ``credentials.txt`` for the Java retriever, readable by its owner alone."""
    login, password = _credentials(user, pw)
    path = Path(CREDENTIALS)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"userName={login}\npassWord={password}")
    log.info("Saved %s.", CREDENTIALS)


def _credentials(user: str, pw: str) -> tuple[str, str]:
    try:
        login = user or input("User: ")
        password = pw or ("" if login == "nbia_guest" else getpass.getpass("Password: "))
    except (EOFError, OSError, NotImplementedError):  # the last from a notebook that runs by itself
        raise InvalidInput("Nobody is there to give a login and its password.") from None
    if any(character in login + password for character in "\r\n"):
        raise InvalidInput("A login or password has a line break.")
    return login, password


# Metadata --------------------------------------------------------------------------------------------
@_former("getSeries(seriesUid=…) and getSeriesList() tell it")
@quietly
def getSeriesMetadata(seriesUid: str, api_url: str = "", format: str = "") -> Any:
    """Return everything about a series, under names with spaces (``Series UID``, ``File Size`` …)."""
    client = session.client(api_url)
    version = "v2" if client.connection.has_login else "v1"
    endpoint = "getSeriesMetaData"
    answer = client.connection.get(f"{API_PATH}{version}/{endpoint}", {"SeriesInstanceUID": str(seriesUid)})
    return shaped(parsed(answer.content, endpoint), endpoint, format)


@_former("use getSeriesList")
@quietly
def getSeriesListData(uids: Sequence[str], api_url: str, include_patient_study: bool) -> Any:
    """Return the metadata of series as a data frame under names with spaces.

    :param include_patient_study: with those of patient and study.
    """
    endpoint = "getSeriesMetadata3" if include_patient_study else "getSeriesMetadata2"
    return metadata_frame(session.unversioned(api_url), f"{API_PATH}{endpoint}", uids)


@_former("use getSimpleSearch")
@functools.wraps(getSimpleSearch)
def getSimpleSearchWithModalityAndBodyPartPaged(*args: Any, **kwargs: Any) -> Any:
    """See :func:`getSimpleSearch`."""
    return getSimpleSearch(*args, **kwargs)


# The wrapped name would be the other function's.
getSimpleSearchWithModalityAndBodyPartPaged.__name__ = "getSimpleSearchWithModalityAndBodyPartPaged"


@_former("shared lists are made on the server's pages or through createSharedList")
@quietly
def makeSharedCart(
    uids: Sequence[str],
    name: str | None = None,
    description: str = "",
    description_url: str = "",
    api_url: str = "",
    chunk_size: int = 5000,
) -> Any:
    """Make shared lists of series, so many on each, and return their addresses in the portal.

    It takes a login. A list that fails is logged and left out.
    """
    client = session.client(api_url)
    title = name or f"nbia-{secrets.randbelow(10**17)}"
    size = max(1, chunk_size)
    chunks = [uids[start : start + size] for start in range(0, len(uids), size)]
    made = []
    for number, chunk in enumerate(chunks, 1):
        part = title if len(chunks) == 1 else f"{title}-part{number}"
        try:
            client.make_shared_list(part, chunk, description=description, address=description_url)
        except FilmroomError as error:
            log.error("The list %r was not made.", part)
            complain(error)
            continue
        made.append(f"{client.base_url}/nbia-search/?saved-cart={quote(part, safe='')}")
    return made


# Viewing ---------------------------------------------------------------------------------------------
@_former("use idcOhifViewer")
def makeVizLinks(series_data: Any, csv_filename: str = "") -> Any:
    """Return series as a data frame with the columns ``VisualizeSeriesOnTcia`` and ``VisualizeStudyOnIdc``.

    What the caller gave is not changed. TCIA's viewer is gone; its column holds the address that was.

    :param csv_filename: write it to ``<csv_filename>.csv`` too.
    """
    frame = pandas().DataFrame(series_data).copy()
    frame["VisualizeSeriesOnTcia"] = [
        f"https://nbia.cancerimagingarchive.net/viewer/?series={quote(str(series))}"
        for series in frame["SeriesInstanceUID"]
    ]
    frame["VisualizeStudyOnIdc"] = [study_link(str(study)) for study in frame["StudyInstanceUID"]]
    if csv_filename:
        save_frame(frame, f"{csv_filename}.csv", index=True)
    return frame


def _no_viewer(name: str) -> Callable[..., None]:
    def view(*args: Any, **kwargs: Any) -> None:
        del args, kwargs
        raise NotImplementedError(f"{name}: {_VIEWERS}.")

    view.__name__ = view.__qualname__ = name
    view.__doc__ = f"Always raises NotImplementedError, as in tcia_utils 3.1.2: {_VIEWERS}."
    return _former(_VIEWERS)(view)


viewSeries = _no_viewer("viewSeries")
viewSeriesAnnotation = _no_viewer("viewSeriesAnnotation")
viewSeriesAnnotations = _no_viewer("viewSeriesAnnotations")
viewSeriesSEG = _no_viewer("viewSeriesSEG")
viewSeriesRT = _no_viewer("viewSeriesRT")


@_former("curators only")
def getAdvancedQCSearch(
    criteria_values: Any, api_url: str = "", format: str = "", input_type: Any = None
) -> None:
    """Always raises NotImplementedError: there is no search for curators here."""
    del criteria_values, api_url, format, input_type
    raise NotImplementedError("getAdvancedQCSearch: Filmroom has no search for curators.")
