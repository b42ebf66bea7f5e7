"""Where tokens are issued and logins end, and what the forms there hold (RFC 6749; NBIA API guides)."""

from __future__ import annotations

from filmroom.wire.parameters import Parameter

_BASES = ("/nbia-api", "/nbia-api/services")

PROVIDER_PATH = "/auth/realms/{realm}/protocol/openid-connect/token"
"""The form of an identity provider; every realm is answered."""
TOKEN_PATHS = (*(f"{base}/oauth/token" for base in _BASES), PROVIDER_PATH)
LOGOUT_PATHS = tuple(f"{base}/logout" for base in _BASES)

TOKEN_FIELDS: tuple[Parameter, ...] = (
    Parameter(
        "grant_type",
        "",
        required=True,
        help="password, refresh_token or client_credentials",
        example="password",
    ),
    Parameter("username", "", help="login, for password; nbia_guest is the guest", example="nbia_guest"),
    Parameter("password", "", help="for password; of the guest any or none"),
    Parameter("refresh_token", "", help="for refresh_token"),
    Parameter(
        "client_id", "", help="name of a program, for client_credentials; else ignored", example="nbia"
    ),
    Parameter("client_secret", "", help="secret of a program, for client_credentials; else ignored"),
    Parameter("scope", "", help="ignored", example="openid"),
)
TOKEN_ANSWER: dict[str, str] = {
    "access_token": "string",
    "token_type": "string",
    "expires_in": "integer",
    "refresh_token": "string",
    "refresh_expires_in": "integer",
    "scope": "string",
}
"""Keys of the answer and their JSON types; times are seconds."""
