"""Every setting: its name, environment variable, default and meaning, in one table.

An option given on the command line beats the environment, the environment beats the default. Options,
``filmroom settings`` and the documentation are derived from :data:`SETTINGS`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filmroom.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``default`` is text, as the environment would hold it; empty means unset."""

    name: str
    default: str
    help: str
    kind: str = "text"  # text | integer | switch | secret

    @property
    def variable(self) -> str:
        """The environment variable, for example ``FILMROOM_DATA``."""
        return f"FILMROOM_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting("data", "", "Folder of the embedded archive (default: the user's data folder)."),
    Setting("database_url", "", "Catalogue address; default: SQLite in the data folder."),
    Setting("store_url", "", "Store address; default: the folder `store` in the data folder."),
    Setting("server", "", "Server that the client speaks to; default: the public TCIA service."),
    Setting("login", "", "Account with which that server is asked; needs a password."),
    Setting("password", "", "Password of that account.", kind="secret"),
    Setting("token", "", "Access token for that server, instead of both.", kind="secret"),
    Setting(
        "credentials", "", "File with logins by server; default: one in the user's configuration folder."
    ),
    Setting(
        "snapshot",
        "",
        "Snapshot to answer from offline; default: one per server and login, in the user's data folder.",
    ),
    Setting("gen3_key", "", "File with your API key of a Gen3 data commons (credentials.json)."),
    Setting("bucket_url", "", "S3 service that public buckets are read from; default: Amazon's."),
    Setting("host", "127.0.0.1", "Address that the server listens on."),
    Setting("port", "8080", "Port that the server listens on.", kind="integer"),
    Setting("workers", "1", "Number of server processes.", kind="integer"),
    Setting("public_url", "", "Address under which users reach the server, where a proxy stands in front."),
    Setting("log_format", "auto", "Server log: `json`, `console`, or `auto` (console on a terminal)."),
    Setting("log_level", "info", "Server log level: debug, info, warning, error."),
    Setting(
        "s3_redirect",
        "no",
        "With an S3 store: send clients of one image to the bucket, by an address that works for minutes.",
        kind="switch",
    ),
    Setting("attribution_name", "", "On a mirror: name of the archive that the data come from."),
    Setting("attribution_policy_url", "", "On a mirror: address of that archive's data usage policy."),
    Setting("attribution_citation", "", "On a mirror: how that archive wants to be cited."),
    Setting(
        "doi_server",
        "https://api.datacite.org",
        "DataCite API that the client reads DOI records from, beside that of the archive it speaks to.",
    ),
    Setting(
        "doi_lists",
        "client-id=nihnci.tcia provider-id=tciar prefix=10.7937,10.25737",
        "How the records of TCIA are asked for there: parameters that are tried one after another.",
    ),
    Setting(
        "doi_records", "", "Folder of the client's copies of DOI records; default: the user's data folder."
    ),
    Setting("contact", "", "E-mail address that the client tells DataCite, which then allows more requests."),
    Setting(
        "citation_styles",
        "",
        "Folder with CSL files of citation styles beside APA; needs the extra `cite`.",
    ),
    Setting(
        "text_index",
        "yes",
        "Let the server read new files for text search in the background; see `filmroom index`.",
        kind="switch",
    ),
    Setting("metrics_from_anywhere", "no", "Serve /metrics to more than this machine.", kind="switch"),
    Setting("access_token_seconds", "7200", "Seconds for which an access token is valid.", kind="integer"),
    Setting(
        "refresh_token_seconds",
        "2592000",
        "Seconds for which a refresh token is valid, counted from the last use.",
        kind="integer",
    ),
    Setting(
        "login_failures_per_minute",
        "10",
        "Wrong passwords of one login after which it must wait; five times as many of one address.",
        kind="integer",
    ),
    Setting(
        "login_in_query",
        "no",
        "Issue tokens to GET with the password in the address, as clients of before 2023 ask.",
        kind="switch",
    ),
    Setting("oidc_issuer", "", "OpenID Connect provider to log in with, by its issuer; empty: none."),
    Setting("oidc_client_id", "", "Name of this archive at the provider."),
    Setting("oidc_client_secret", "", "Secret of this archive at the provider.", kind="secret"),
    Setting("oidc_client_secret_file", "", "File that holds the secret, instead of the secret itself."),
    Setting("oidc_scopes", "openid profile email", "What the provider is asked for."),
    Setting("oidc_login_claim", "preferred_username", "Claim that holds the login of a person."),
    Setting("oidc_groups_claim", "groups", "Claim that lists the groups of a person."),
    Setting(
        "oidc_groups",
        "",
        "Groups whose members the provider decides: `theirs=ours` or one name for both, between commas.",
    ),
    Setting(
        "oidc_audience",
        "",
        "Audience of the provider's access tokens (JWT) that programs may send as Bearer; empty: not taken.",
    ),
    Setting(
        "oidc_register", "no", "Give people of the provider an account when they first come.", kind="switch"
    ),
    Setting("oidc_default_group", "", "Group that people join who are registered."),
    Setting(
        "oidc_token_seconds",
        "28800",
        "Seconds for which the token of a login with the provider is valid; it cannot be refreshed.",
        kind="integer",
    ),
    Setting(
        "login_in_servlets",
        "no",
        "Take passwords on the retriever's servlets. They are hardly hidden there: behind TLS only.",
        kind="switch",
    ),
    Setting(
        "compat_empty_401",
        "no",
        "Answer lists that need a token without a valid one with 200 and nothing, as NBIA did.",
        kind="switch",
    ),
    Setting(
        "search_date_alias",
        "yes",
        "Simple search takes `Criteria.DateRange`, which clients send, for a range of days; NBIA ignores it.",
        kind="switch",
    ),
    Setting(
        "legacy_api",
        "yes",
        "Answer below /services/ as TCIA did until 22 June 2022, for programs of that time.",
        kind="switch",
    ),
    Setting(
        "doi_suffix",
        "random",
        "Suffixes of `filmroom doi create`: `random`, or a template of `{short_name}`, `{year}`, `{random}`.",
    ),
    Setting(
        "doi_short_name_type", "TCIA Short Name", "Type of the identifier that is a dataset's short name."
    ),
    Setting("datacite_mode", "off", "Register the archive's DOIs at DataCite: off, test or production."),
    Setting("datacite_symbol", "", "Symbol of the repository at DataCite, which has the same one here."),
    Setting("datacite_password", "", "Password of that repository at DataCite.", kind="secret"),
    Setting("datacite_password_file", "", "File that holds the password, instead of the password itself."),
    Setting("datacite_api_url", "", "Address of DataCite's API, where it is another than DataCite's own."),
    Setting(
        "datacite_internal_hosts",
        "",
        "Hosts (`host` or `host:port`, between commas) in an internal network whose landing pages may be "
        "asked for before a DOI is registered; that of the public address may.",
    ),
    Setting(
        "datacite_host",
        "",
        "Host name under which the DataCite API is served at the root, beside `/datacite` on every host.",
    ),
    Setting(
        "datacite_aliases",
        "",
        "Other symbols for repositories: `old=new.symbol` between commas; those of TCIA are known.",
    ),
    Setting("datacite_providers", "", "Names of providers of DOIs: `symbol=name` between semicolons."),
    Setting(
        "datacite_facets",
        "yes",
        "Count lists of DOIs by year, licence and so on unless asked not to.",
        kind="switch",
    ),
    Setting(
        "datacite_strict_query",
        "no",
        "In queries for DOIs, know only the field names that DataCite knows, not also those of the JSON.",
        kind="switch",
    ),
    Setting("ingest_processes", "0", "Processes that read files at ingest; 0: one per core.", kind="integer"),
    Setting(
        "ingest_lease",
        "300",
        "Seconds after which the work of a machine that fell silent during an ingest goes to another.",
        kind="integer",
    ),
)

_LONGEST_SECRET = 4_096
_BY_NAME = {setting.name: setting for setting in SETTINGS}

TCIA_SERVER = "https://nbia.cancerimagingarchive.net"
"""Base address of the public TCIA service, the client's default."""


def get(name: str, override: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return the text of a setting: ``override`` if given, else the environment's, else the default."""
    setting = _BY_NAME[name]
    if override is not None:
        return override
    value = (os.environ if environ is None else environ).get(setting.variable)
    return setting.default if value is None or value == "" else value


def get_integer(name: str, override: int | None = None) -> int:
    """Return an integer setting.

    :raises InvalidInput: when the environment holds something else than a whole number.
    """
    if override is not None:
        return override
    text = get(name)
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"{_BY_NAME[name].variable} must be a whole number, not {text!r}.") from None


def get_positive(name: str) -> int:
    """Return an integer setting that is at least 1. :raises InvalidInput: when it is not."""
    value = get_integer(name)
    if value < 1:
        raise InvalidInput(f"The setting {name} must be at least 1, not {value}.")
    return value


def get_secret(name: str) -> str:
    """Return a secret: what the setting says, else what stands in the file that ``<name>_file`` names.

    :raises InvalidInput: when there is such a file and it cannot be read.
    """
    given = get(name)
    path = get(f"{name}_file")
    if given or not path:
        return given
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(_LONGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        variable = _BY_NAME[f"{name}_file"].variable
        raise InvalidInput(f"The file of {variable} cannot be read: {type(error).__name__}.") from None


def get_switch(name: str) -> bool:
    """Return a yes/no setting.

    :raises InvalidInput: when the environment holds neither.
    """
    text = get(name).strip().lower()
    if text in {"1", "yes", "true", "on"}:
        return True
    if text in {"0", "no", "false", "off"}:
        return False
    raise InvalidInput(f"{_BY_NAME[name].variable} must be yes or no, not {text!r}.")


@dataclass(frozen=True, slots=True)
class ArchiveAddress:
    """Where an archive lies: its data folder, catalogue and store."""

    data: Path
    database_url: str
    store_url: str

    @classmethod
    def resolve(
        cls, data: str | Path | None = None, database_url: str | None = None, store_url: str | None = None
    ) -> ArchiveAddress:
        """Work the three addresses out from options, environment and defaults.

        A data folder given as an option is taken whole: catalogue and store addresses from the
        environment, which name another archive, do not mix with it.
        """
        environ: Mapping[str, str] = {} if data is not None else os.environ
        text = str(data) if data is not None else get("data")
        if not text:
            import platformdirs

            text = platformdirs.user_data_dir("filmroom", appauthor=False)
        folder = Path(text).expanduser().absolute()
        return cls(
            data=folder,
            database_url=get("database_url", database_url, environ)
            or f"sqlite:///{folder / 'catalog.sqlite'}",
            store_url=get("store_url", store_url, environ) or (folder / "store").as_uri(),
        )
