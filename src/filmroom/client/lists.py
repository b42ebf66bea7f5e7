"""Questions about shared lists: sets of series that have a name on a server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from filmroom.client.naming import uids_of
from filmroom.client.question import Asking, question
from filmroom.client.records import Records
from filmroom.client.steps import Answer, Request, Steps
from filmroom.errors import BadAnswer, NotFound
from filmroom.model.entities import Series
from filmroom.model.lists import ListEntry, NewList, SharedList
from filmroom.wire.decode import decode
from filmroom.wire.list_views import LIST_CONTENTS
from filmroom.wire.operations import find_operation


class _Entry(msgspec.Struct, rename="camel"):
    series_instance_uid: str = msgspec.field(name="seriesInstanceUid")
    id: int = 0


class _List(msgspec.Struct):
    name: str
    id: int = 0
    comment: str | None = None
    hyperlink: str | None = None
    user_name: str | None = msgspec.field(name="userName", default=None)
    date: int | None = None
    usage_count: int = msgspec.field(name="usageCount", default=0)
    entries: tuple[_Entry, ...] = msgspec.field(name="seriesInstanceUidsList", default=())


class ListQuestions(Asking):
    """Shared lists."""

    @question
    def shared_list(self, name: str) -> Steps[SharedList]:
        """Return a list, with those of its series that the server shows.

        :raises NotFound: when there is none, or it shows none of its series.
        """
        operation = find_operation("", "getSharedList")
        found: SharedList | None = yield Request(operation, {}, _read_list, form={"nameValue": name})
        if found is None:
            raise NotFound(f"{self.base_url} has no list {name!r}, or does not show it.")
        return found

    @question
    def shared_list_series(self, name: str) -> Steps[Records[Series]]:
        """Return the series of a list; none when there is no such list."""
        operation = find_operation("v2" if self.has_login else "v1", "getContentsByName")
        rows = yield Request(
            operation, {}, lambda answer: decode(LIST_CONTENTS, answer.content), form={"name": name}
        )
        return Records.of_rows(Series, rows)

    @question
    def make_shared_list(
        self,
        name: str,
        series: str | Series | Iterable[str | Series],
        *,
        description: str = "",
        address: str = "",
    ) -> Steps[None]:
        """Make a list. It belongs to the account of this client, which must have one.

        :param address: a web address about the list.
        :raises InvalidInput: for a name, description, address or number of series that no list can have.
        :raises ServerError: with the server's words, when the name is taken or a series is not shown.
        """
        new = NewList(name, uids_of(series), description, address)
        form = {
            "name": new.name,
            "list": list(new.series_instance_uids),
            "description": new.description,
            "url": new.hyperlink,
        }
        yield Request(find_operation("", "createSharedList"), {}, _nothing, form=form)

    @question
    def delete_shared_list(self, name: str) -> Steps[None]:
        """Delete a list of one's own. :raises ServerError: with the server's words, when there is none."""
        yield Request(find_operation("", "deleteSharedList"), {}, _nothing, form={"name": name})


def _nothing(answer: Answer) -> None:
    del answer


def _read_list(answer: Answer) -> SharedList | None:
    try:
        found = msgspec.json.decode(answer.content or b"null", type=_List | None)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer is not a shared list: {error}.") from None
    if found is None:
        return None
    created = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=found.date or 0)  # noqa: DTZ001 - as all records
    return SharedList(
        found.id,
        found.name,
        found.comment or "",
        found.hyperlink or "",
        found.user_name or "",
        created,
        found.usage_count,
        tuple(ListEntry(entry.id, entry.series_instance_uid) for entry in found.entries),
    )
