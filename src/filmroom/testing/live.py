"""A real server on a real socket for tests, in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filmroom.settings import ArchiveAddress

if TYPE_CHECKING:
    from filmroom.model.policy import Attribution
    from filmroom.server.datacite.calls import DataCiteOptions
    from filmroom.server.login import LoginOptions
    from filmroom.server.oidc_options import OidcOptions
    from filmroom.server.registration.options import RegistrationOptions


@contextlib.contextmanager
def running_server(
    address: ArchiveAddress,
    *,
    host: str = "127.0.0.1",
    metrics_from_anywhere: bool = False,
    s3_redirect: bool = False,
    login: LoginOptions | None = None,
    attribution: Attribution | None = None,
    empty_401: bool = False,
    legacy_api: bool = True,
    text_index: bool = False,
    date_alias: bool = True,
    oidc: OidcOptions | None = None,
    datacite: DataCiteOptions | None = None,
    registration: RegistrationOptions | None = None,
    timeout: float = 30,
) -> Iterator[str]:
    """Serve an archive on a free port and give its URL; make an empty archive where none is.

    :param text_index: whether it reads files for text search in the background.
    :param registration: where it registers the archive's DOIs.
    :param oidc: the institute's provider, which sends browsers back to the server's URL.
    :param timeout: seconds to wait for the server to be ready, and again for it to end.
    :raises RuntimeError: when the server does not become ready or does not end.
    """
    from filmroom.catalog import Catalog
    from filmroom.server import run
    from filmroom.server.app import ServerOptions
    from filmroom.server.datacite.calls import DataCiteOptions
    from filmroom.server.login import LoginOptions

    Catalog.create(address.database_url).close()
    bound = run.bind(host, 0)
    options = ServerOptions(
        metrics_from_anywhere=metrics_from_anywhere,
        s3_redirect=s3_redirect,
        login=login or LoginOptions(),
        attribution=attribution,
        empty_401=empty_401,
        legacy_api=legacy_api,
        text_index=text_index,
        date_alias=date_alias,
        oidc=oidc,
        datacite=datacite or DataCiteOptions(),
        registration=registration,
        public_url=run.server_url(host, bound) if oidc is not None else "",
    )
    ready = threading.Event()
    server = run.archive_server(address, options, ready.set)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [bound]}, name="filmroom-server", daemon=True
    )
    thread.start()
    try:
        if not ready.wait(timeout):
            raise RuntimeError("The server did not become ready.")
        yield run.server_url(host, bound)
    finally:
        server.should_exit = True
        thread.join(timeout)
        bound.close()
        if thread.is_alive():
            raise RuntimeError("The server did not end.")
