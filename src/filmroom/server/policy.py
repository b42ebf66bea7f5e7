"""The data usage policy for people: its page, and the acceptance of agreements without any script.

No cookie and no session: the page that shows agreements holds a token of ten minutes in its form, so that no
other site can send the form for somebody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from filmroom.errors import AccessDenied, FilmroomError, InvalidInput, NotFound
from filmroom.model.access import Viewer, VisibleSet
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.policy import Attribution
from filmroom.model.queries import FindLicences
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import POLICY_PATH, error_response
from filmroom.server.login import NOT_KEPT, Login, LoginRefused, client_address, form_fields
from filmroom.server.nbia.agreements import agreement_id
from filmroom.server.pages import FORM_HEADERS
from filmroom.server.policy_page import agreements_page, policy_page
from filmroom.server.service import Service
from filmroom.server.viewers import viewer_of_token

_TO_READ = TokenLifetimes(access=600, refresh=0)
_NOT_LOGGED_IN = "The login or the password is wrong."
_LOGIN_ENDED = "This login has ended; log in again."


def policy_links(public_url: str, attribution: Attribution | None) -> str:
    """Return the ``Link`` header of all answers: our policy, and a mirror's origin's (RFC 6903 section 4)."""
    links = [f'<{public_url}{POLICY_PATH}>; rel="terms-of-service"']
    if attribution is not None and attribution.policy_url:
        title = quote(f"Data usage policy of {attribution.name}", safe="")
        links.append(f"<{attribution.policy_url}>; rel=\"terms-of-service\"; title*=UTF-8''{title}")
    return ", ".join(links)


class PolicyPages:
    """The handlers of the page and of its two forms."""

    def __init__(self, service: Service, login: Login) -> None:
        self._service = service
        self._login = login

    async def show(self, request: Request) -> Response:
        """The page at ``/policy``."""
        return await self._answered(request, "policy", self._policy)

    async def log_in(self, request: Request) -> Response:
        """Show an account its agreements."""
        return await self._answered(request, "policy login", lambda: self._logged_in(request))

    async def accept(self, request: Request) -> Response:
        """Record that an account agrees."""
        return await self._answered(request, "accept agreement", lambda: self._accepted(request))

    async def _answered(
        self, request: Request, operation: str, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Answer with a page; what a person can mend is told on the page of the policy."""
        request.scope[OPERATION_KEY] = operation
        try:
            return await work()
        except LoginRefused as refused:
            wrong = refused.status == 401
            status = 403 if wrong else refused.status  # 401 would ask for what a browser cannot send
            return await self._policy(_NOT_LOGGED_IN if wrong else str(refused), status, refused.headers)
        except AccessDenied:
            return await self._policy(_LOGIN_ENDED, 403)
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))

    async def _policy(
        self, problem: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        service = self._service

        def read() -> str:
            own = service.catalog.agreements().own()
            rows = [row for found in service.catalog.rows(FindLicences(), VisibleSet()) for row in found]
            licences = [(row["long_name"], row["url"] or "") for row in rows]
            return policy_page(own, licences, service.attribution, problem=problem)

        content = await service.in_thread(read)
        return HTMLResponse(content, status, headers={**FORM_HEADERS, **(headers or {})})

    async def _logged_in(self, request: Request) -> Response:
        fields = await form_fields(request)
        token = fields.get("token", "")
        if not token:
            issued = await self._login.log_in(
                request, fields.get("login", ""), fields.get("password", ""), _TO_READ
            )
            token = issued.access
        return await self._agreements(await self._viewer(token), token)

    async def _accepted(self, request: Request) -> Response:
        fields = await form_fields(request)
        token = fields.get("token", "")
        viewer = await self._viewer(token)
        address = client_address(request)
        try:
            wanted = agreement_id(fields.get("agreement", ""))
            accepted = await self._service.in_thread(
                lambda: self._service.catalog.agreements().accept(viewer, wanted, address=address)
            )
        except (InvalidInput, NotFound) as error:
            return await self._agreements(viewer, token, error)
        return await self._agreements(viewer, token, remark=f"You have accepted: {accepted.title}.")

    async def _viewer(self, token: str) -> Viewer:
        """:raises AccessDenied: for a token that is none, and for the guest's."""
        viewer = await viewer_of_token(self._service, token)
        if viewer.account_id is None:
            raise AccessDenied("The guest has nothing to accept.")
        return viewer

    async def _agreements(
        self, viewer: Viewer, token: str, error: FilmroomError | None = None, *, remark: str = ""
    ) -> Response:
        shown = await self._service.in_thread(lambda: self._service.catalog.agreements().shown(viewer))
        content = agreements_page(viewer.login, token, shown, remark=str(error) if error else remark)
        return HTMLResponse(content, 400 if error else 200, headers={**FORM_HEADERS, **NOT_KEPT})
