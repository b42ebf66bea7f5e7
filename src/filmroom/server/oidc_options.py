"""What can be set about logins with an institute's OpenID Connect provider."""

from __future__ import annotations

from dataclasses import dataclass, field

from filmroom import settings
from filmroom.errors import InvalidInput
from filmroom.model.institute import Admission
from filmroom.net.address import is_private


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """One provider, this archive's name and secret there, and whom to let in.

    :param audience: of the provider's access tokens that are taken as such; empty: none are.
    :param token_seconds: for which our token is valid that a login in the browser gives.
    :param keys_seconds: for which the provider's keys are kept. :param pause_seconds: between two attempts
        to fetch them, whatever tokens are sent.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "openid profile email"
    login_claim: str = "preferred_username"
    groups_claim: str = "groups"
    audience: str = ""
    token_seconds: int = 28_800
    admission: Admission = field(default_factory=Admission)
    keys_seconds: float = 600
    pause_seconds: float = 10

    @classmethod
    def from_settings(cls) -> OidcOptions | None:
        """Take everything from the environment; None where no provider is named.

        :raises InvalidInput: for what is missing or cannot be.
        """
        issuer = settings.get("oidc_issuer")
        if not issuer:
            return None
        if not is_private(issuer):
            raise InvalidInput("FILMROOM_OIDC_ISSUER must be an https address.")
        scopes = settings.get("oidc_scopes")
        if "openid" not in scopes.split():
            raise InvalidInput("FILMROOM_OIDC_SCOPES must name openid among them.")
        return cls(
            issuer,
            _needed("oidc_client_id", settings.get("oidc_client_id")),
            _needed("oidc_client_secret", settings.get_secret("oidc_client_secret")),
            scopes=scopes,
            login_claim=settings.get("oidc_login_claim"),
            groups_claim=settings.get("oidc_groups_claim"),
            audience=settings.get("oidc_audience"),
            token_seconds=settings.get_positive("oidc_token_seconds"),
            admission=Admission(
                settings.get_switch("oidc_register"),
                settings.get("oidc_default_group"),
                _groups(settings.get("oidc_groups")),
            ),
        )


def _needed(name: str, value: str) -> str:
    if not value:
        raise InvalidInput(f"With an OpenID Connect provider, FILMROOM_{name.upper()} is needed.")
    return value


def _groups(text: str) -> dict[str, str]:
    """Return a map of the provider's group names to ours: ``theirs=ours``, or one name for both."""
    pairs = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        theirs, equals, ours = item.rpartition("=")
        pairs[(theirs if equals else ours).strip()] = ours.strip()
    if not all(pairs) or not all(pairs.values()):
        raise InvalidInput(f"FILMROOM_OIDC_GROUPS is theirs=ours, separated by commas, not {text!r}.")
    return pairs
