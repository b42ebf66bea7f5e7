"""An institute's OpenID Connect provider: what it publishes, what it vouches for, asked over HTTP.

Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), RFC 9068 (JWTs as access tokens),
RFC 9207 (issuer in the answer). Signatures and claims are checked by joserfc, the code flow is Authlib's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from filmroom.errors import AccessDenied, ProviderUnavailable
from filmroom.model.institute import Person
from filmroom.net.address import is_private
from filmroom.server.logs import get_logger, printable
from filmroom.server.oidc_options import OidcOptions

_log = get_logger("filmroom.oidc")

# Never "none", and never a shared secret: the public key would be one that everybody knows.
_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
_KEY_TYPES = ("RSA", "EC", "OKP")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SKEW_SECONDS = 60
_PATIENCE_SECONDS = 5.0
_LONGEST_TOKEN = 16 * 1024
_LONGEST_SUBJECT = 255
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class _Published:
    metadata: Mapping[str, Any]
    keys: KeySet


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """What one login in a browser holds to until its answer comes back."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """One provider; what it publishes is kept for minutes, and fetched again when a key is unknown."""

    def __init__(self, options: OidcOptions) -> None:
        self._options = options
        self.admission = options.admission
        self._published: _Published | None = None
        self._fetched = self._tried = float("-inf")
        self._failure = ""
        self._fetching = anyio.Lock()

    # -- what it vouches for -------------------------------------------------------------------------

    async def holder(self, token: str) -> Person:
        """Return whom an access token of the provider stands for.

        :raises AccessDenied: unless it is one, for this archive, and valid now.
        :raises ProviderUnavailable: when its keys cannot be had.
        """
        if not self._options.audience:
            raise AccessDenied("Access tokens of the provider are not taken here.")
        found = await self._verified(token, self._options.audience)
        kind = found.claims.get("typ", "Bearer")
        is_at = str(found.header.get("typ", "")).lower().removeprefix("application/") == "at+jwt"
        # An ID token says who logged in somewhere. It opens nothing, whoever it was made for.
        if kind != "Bearer" or not (is_at or "scope" in found.claims or "scp" in found.claims):
            raise AccessDenied("The token is not an access token.")
        return self._person(found.claims)

    async def authorization_url(self, flow: CodeFlow) -> str:
        """Return where a browser is sent to log in. :raises ProviderUnavailable:"""
        metadata = (await self._current()).metadata
        async with self._client(metadata) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=flow.state,
                code_verifier=flow.verifier,
                nonce=flow.nonce,
                redirect_uri=flow.redirect_uri,
            )
        return str(url)

    async def redeem(self, code: str, issuer: str | None, flow: CodeFlow) -> tuple[Person, str]:
        """Exchange the code of a login for who it is, and the ID token that says so.

        :param issuer: what the answer names as its issuer, None where it does not.
        :raises AccessDenied: when the provider does not vouch. :raises ProviderUnavailable:
        """
        metadata = (await self._current()).metadata
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._options.issuer and (promised or issuer is not None):
            raise AccessDenied("The answer is not from your institute's provider.")
        async with self._client(metadata) as client:
            try:
                tokens = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=flow.verifier,
                    redirect_uri=flow.redirect_uri,
                )
            except OAuthError as error:
                raise self._refused(str(error.error)) from None
            except (httpx2.HTTPError, ValueError) as error:
                raise _unavailable(error) from None
        id_token = str(tokens.get("id_token", ""))
        claims = (await self._verified(id_token, self._options.client_id, nonce=flow.nonce)).claims
        wanted = {
            self._options.login_claim,
            *([self._options.groups_claim] if self._options.admission.groups else []),
        }
        if not wanted <= claims.keys() and metadata.get("userinfo_endpoint"):
            told = await self._userinfo(metadata["userinfo_endpoint"], str(tokens.get("access_token", "")))
            if told.get("sub") != claims["sub"]:  # Core section 5.3.2
                raise AccessDenied("Your institute's provider tells of somebody else.")
            claims = {**told, **claims}
        # Who logs in without any group is in none; an access token may leave them out.
        return self._person({self._options.groups_claim: [], **claims}), id_token

    def _refused(self, error: str) -> AccessDenied | ProviderUnavailable:
        if error == "invalid_grant":
            return AccessDenied("The login took too long or was used already.", advice="Log in again.")
        _log.error("the provider refuses this archive", error=printable(error)[:100])
        return ProviderUnavailable("Your institute's provider does not accept this archive.")

    async def _verified(self, token: str, audience: str, *, nonce: str | None = None) -> jwt.Token:
        """Return a token whose signature, issuer, audience and times are right. :raises AccessDenied:"""
        wanted: dict[str, jwt.ClaimsOption] = {
            "iss": {"essential": True, "value": self._options.issuer},
            "aud": {"essential": True, "value": audience},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        if nonce is not None:  # an ID token
            wanted |= {
                "nonce": {"essential": True, "value": nonce},
                "azp": {"value": self._options.client_id},
                "iat": {"essential": True},
            }
        checks = jwt.JWTClaimsRegistry(None, _SKEW_SECONDS, **wanted)
        try:
            found = await self._decoded(token)
            checks.validate(found.claims)
        except (JoseError, ValueError) as error:
            _log.info("token of the provider refused", reason=type(error).__name__)
            raise AccessDenied("The token is not valid.") from None
        return found

    async def _decoded(self, token: str) -> jwt.Token:
        if len(token) > _LONGEST_TOKEN:
            raise ValueError("too long")
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(token, (await self._current()).keys, registry=registry)
        except InvalidKeyIdError:  # the keys may have been changed
            return jwt.decode(token, (await self._current(newer=True)).keys, registry=registry)

    def _person(self, claims: Mapping[str, Any]) -> Person:
        options = self._options
        subject, groups = claims["sub"], claims.get(options.groups_claim)
        if len(subject) > _LONGEST_SUBJECT or not subject.isprintable() or not subject:
            raise AccessDenied("The provider's name for the person cannot be used.")
        if isinstance(groups, str):
            groups = [groups]
        return Person(
            options.issuer,
            subject,
            _text(claims.get(options.login_claim)),
            _text(claims.get("email")),
            frozenset(map(str, groups)) if isinstance(groups, list) else None,
        )

    # -- what it publishes ---------------------------------------------------------------------------

    async def _current(self, *, newer: bool = False) -> _Published:
        """Return what the provider publishes. :param newer: fetch again, unless that was just done.

        What was kept goes on serving while the provider is away. :raises ProviderUnavailable:
        """
        async with self._fetching:
            moment = time.monotonic()
            stale = newer or moment - self._fetched > self._options.keys_seconds
            if stale and moment - self._tried >= self._options.pause_seconds:
                self._tried = moment
                try:
                    self._published = await self._fetch()
                    self._fetched = moment
                except ProviderUnavailable as error:
                    self._failure = str(error)
            if self._published is None:
                raise ProviderUnavailable(self._failure)
            return self._published

    async def _fetch(self) -> _Published:
        metadata = await self._json(self._options.issuer.rstrip("/") + _DISCOVERY)
        if metadata.get("issuer") != self._options.issuer:
            _log.error(
                "the provider has another issuer than is set",
                issuer=printable(str(metadata.get("issuer")))[:300],
            )
            raise ProviderUnavailable("Your institute's provider goes by another name than was set.")
        for name in (*_ENDPOINTS, *(["userinfo_endpoint"] if "userinfo_endpoint" in metadata else [])):
            if not is_private(str(metadata.get(name, ""))):
                _log.error("the provider lacks a safe address", endpoint=name)
                raise ProviderUnavailable("Your institute's provider does not say where to log in.")
        listed = (await self._json(metadata["jwks_uri"])).get("keys")
        usable = [
            key
            for key in (listed if isinstance(listed, list) else [])
            if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"
        ]
        try:
            return _Published(metadata, KeySet.import_key_set({"keys": usable}))
        except (JoseError, ValueError) as error:
            raise _unavailable(error) from None

    async def _json(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
                response = await client.get(url, headers=headers)
                response.raise_for_status()
                answer = response.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _unavailable(error) from None
        if not isinstance(answer, dict):
            raise _unavailable(TypeError())
        return answer

    async def _userinfo(self, url: str, access_token: str) -> dict[str, Any]:
        return await self._json(
            url, {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        )

    def _client(self, metadata: Mapping[str, Any]) -> AsyncOAuth2Client:
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        # Providers differ in how a secret is escaped in a header; in a form there is one way.
        method = "client_secret_post" if "client_secret_post" in offered else "client_secret_basic"
        return AsyncOAuth2Client(
            self._options.client_id,
            self._options.client_secret,
            token_endpoint_auth_method=method,
            scope=self._options.scopes,
            code_challenge_method="S256",
            timeout=_PATIENCE_SECONDS,
        )


def _unavailable(error: Exception) -> ProviderUnavailable:
    # The kind alone: the text could hold what was sent.
    _log.warning("the provider does not answer as it should", error=type(error).__name__)
    return ProviderUnavailable("Your institute's login service does not answer.", advice="Try again later.")


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
