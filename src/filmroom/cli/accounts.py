"""The command groups ``user``, ``group`` and ``grant``: who may log in, and who sees what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, open_catalog
from filmroom.cli.output import Format, print_records, remark, say
from filmroom.cli.secret_input import read_secret

if TYPE_CHECKING:
    from filmroom.model.accounts import Account, Grant

user_app = typer.Typer(help="Accounts, and the secrets of their programs.", no_args_is_help=True)
client_app = typer.Typer(help="Secrets with which programs log in.", no_args_is_help=True)
group_app = typer.Typer(help="Groups of accounts.", no_args_is_help=True)
grant_app = typer.Typer(help="Who sees restricted collections.", no_args_is_help=True)
user_app.add_typer(client_app, name="client")

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help="Name of the account.")]
PasswordOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it."),
]
PlaceArgument = Annotated[
    str,
    typer.Argument(metavar="COLLECTION[//SITE]", help="A collection with all its sites, or one site of it."),
]
UserOption = Annotated[str | None, typer.Option("--user", help="Login of the account.", show_default=False)]
GroupOption = Annotated[str | None, typer.Option("--group", help="Name of the group.", show_default=False)]
RoleOption = Annotated[str, typer.Option("--role", help="What the grant allows.")]


# -- user ------------------------------------------------------------------------------------------------


@user_app.command("add", epilog="Example: filmroom user add alice --email alice@example.org --password-stdin")
def add_user(
    login: LoginArgument,
    email: Annotated[str | None, typer.Option(help="E-mail address.", show_default=False)] = None,
    *,
    password_stdin: PasswordOption = False,
    institute: Annotated[
        bool,
        typer.Option(
            "--institute", help="No password: for who comes from the institute's provider with this login."
        ),
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make an account. It sees what is public until it is granted more."""
    from filmroom.errors import InvalidInput

    if institute and password_stdin:
        raise InvalidInput("An account has a password, or its institute's login; see: filmroom user link")
    password = None if institute else read_secret("password", from_stdin=password_stdin, twice=True)
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().add(login, password, email)
    say(f"Account {login} made.")


@user_app.command("list", epilog="Example: filmroom user list --format json")
def list_users(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the accounts."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "login": account.login,
                "email": account.email,
                "active": "yes" if account.active else "no",
                "groups": ", ".join(account.groups),
                "logs_in": _logs_in(account),
                "created": account.created,
            }
            for account in catalog.accounts().all()
        ]
    columns = ("login", "email", "active", "groups", "logs_in", "created")
    print_records(records, columns, fmt, empty="There are no accounts.")


def _logs_in(account: Account) -> str:
    """Return where a person proves to be the account's: with a password here, at an institute, or both."""
    ways = ["password"] if account.has_password else []
    if account.institute is not None:
        ways.append(account.institute or "institute, not seen yet")
    return ", ".join(ways) or "programs only"


@user_app.command("link", epilog="Example: filmroom user link alice")
def link_user(login: LoginArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Let the next person who comes from the institute with this login use the account."""
    with open_catalog(data, database_url) as catalog:
        catalog.identities().link(login)
    say(f"Account {login} waits for its person.")


@user_app.command("unlink", epilog="Example: filmroom user unlink alice")
def unlink_user(login: LoginArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Part an account from its person at the institute, whose tokens end."""
    with open_catalog(data, database_url) as catalog:
        catalog.identities().unlink(login)
    say(f"Account {login} goes with no institute login.")


@user_app.command("disable", epilog="Example: filmroom user disable alice")
def disable_user(login: LoginArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Switch an account off: its tokens end at once, its grants are kept."""
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().set_active(login, active=False)
    say(f"Account {login} is off.")


@user_app.command("enable", epilog="Example: filmroom user enable alice")
def enable_user(login: LoginArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Switch an account on again."""
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().set_active(login, active=True)
    say(f"Account {login} is on.")


@user_app.command("password", epilog="Example: filmroom user password alice")
def set_password(
    login: LoginArgument,
    *,
    password_stdin: PasswordOption = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Give an account another password; whoever logged in with the old one is logged out."""
    password = read_secret("password", from_stdin=password_stdin, twice=True)
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().set_password(login, password)
    say(f"Account {login} has a new password.")


@client_app.command("add", epilog="Example: filmroom user client add alice > alice.secret")
def add_client(
    login: LoginArgument,
    fmt: FormatOption = Format.TABLE,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make a secret with which a program logs in as an account. It is told this once."""
    with open_catalog(data, database_url) as catalog:
        made = catalog.accounts().add_client(login)
    record = {"client_id": made.client_id, "client_secret": made.client_secret}
    if fmt is Format.TABLE:
        for name, value in record.items():
            say(f"{name}={value}")
    else:
        print_records([record], tuple(record), fmt)
    remark("The secret cannot be shown again.")


@client_app.command("list", epilog="Example: filmroom user client list")
def list_clients(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the programs that can log in."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {"client_id": one.client_id, "login": one.login, "created": one.created}
            for one in catalog.accounts().clients()
        ]
    print_records(records, ("client_id", "login", "created"), fmt, empty="No program has a secret.")


@client_app.command("remove", epilog="Example: filmroom user client remove client-0123456789abcdef")
def remove_client(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="From the list.")],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """End the secret of a program, and its tokens."""
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().drop_client(client_id)
    say(f"Client {client_id} removed.")


# -- group -----------------------------------------------------------------------------------------------


@group_app.command("add", epilog='Example: filmroom group add readers --description "May read everything"')
def add_group(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the group.")],
    description: Annotated[str | None, typer.Option(help="What it is for.", show_default=False)] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make a group."""
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().add_group(name, description)
    say(f"Group {name} made.")


@group_app.command("list", epilog="Example: filmroom group list")
def list_groups(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the groups and their members."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {"group": one.name, "description": one.description, "members": ", ".join(one.members)}
            for one in catalog.accounts().groups()
        ]
    print_records(records, ("group", "description", "members"), fmt, empty="There are no groups.")


@group_app.command("member", epilog="Example: filmroom group member readers alice")
def set_member(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the group.")],
    login: LoginArgument,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out instead.")] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Put an account into a group, or take it out."""
    with open_catalog(data, database_url) as catalog:
        catalog.accounts().set_member(name, login, member=not remove)
    say(f"{login} is {'not a member' if remove else 'a member'} of {name}.")


# -- grant -----------------------------------------------------------------------------------------------


@grant_app.command("add", epilog="Example: filmroom grant add MY-STUDY//BERLIN --group readers")
def add_grant(
    place: PlaceArgument,
    user: UserOption = None,
    group: GroupOption = None,
    role: RoleOption = "READ",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Let an account or a group see a restricted collection. A whole one includes its later sites."""
    grant = _grant(place, user, group, role)
    with open_catalog(data, database_url) as catalog:
        new = catalog.grants().add(grant)
    say(f"{user or group} has {role.upper()} on {place}{'' if new else ' already'}.")


@grant_app.command("remove", epilog="Example: filmroom grant remove MY-STUDY//BERLIN --group readers")
def remove_grant(
    place: PlaceArgument,
    user: UserOption = None,
    group: GroupOption = None,
    role: RoleOption = "READ",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Take a grant away; it ends at once."""
    grant = _grant(place, user, group, role)
    with open_catalog(data, database_url) as catalog:
        catalog.grants().remove(grant)
    say(f"{user or group} has no {role.upper()} on {place} any more.")


@grant_app.command("list", epilog="Example: filmroom grant list --format csv")
def list_grants(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List who was granted what. What is public needs no grant."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "collection": grant.collection,
                "site": grant.site,
                "user": grant.user,
                "group": grant.group,
                "role": grant.role.removeprefix("NCIA."),
            }
            for grant in catalog.grants().all()
        ]
    print_records(records, ("collection", "site", "user", "group", "role"), fmt, empty="Nothing was granted.")


def _grant(place: str, user: str | None, group: str | None, role: str) -> Grant:
    from filmroom.errors import InvalidInput
    from filmroom.model.accounts import Grant

    collection, separator, site = place.partition("//")
    if not collection or (separator and not site):
        raise InvalidInput(f"A place is COLLECTION or COLLECTION//SITE, not {place!r}.")
    name = role.upper()
    return Grant(
        collection,
        site if separator else None,
        name if name.startswith("NCIA.") else f"NCIA.{name}",
        user,
        group,
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(user_app, name="user")
    app.add_typer(group_app, name="group")
    app.add_typer(grant_app, name="grant")
