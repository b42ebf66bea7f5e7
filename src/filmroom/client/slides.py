"""Questions about whole-slide images: a server's PathDB, or TCIA's, which is a server of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from filmroom.client.question import Asking, question
from filmroom.client.records import Records
from filmroom.client.sources.choose import is_tcia
from filmroom.client.steps import Answer, Request, Steps
from filmroom.errors import BadAnswer, NoSuchOperation, NotFound
from filmroom.model.slides import ListedCollection, ListedSlide
from filmroom.wire.pathdb import MOUNT_PATH
from filmroom.wire.pathdb_answers import (
    PATHDB_SERVER,
    collections_operation,
    images_operation,
    read_collections,
    read_images,
)

_JSON = {"_format": "json"}


@dataclass(frozen=True, slots=True)
class PathDbPlace:
    """Where a server's slides are listed: ``root`` of another server, else None, and the path ``mount``."""

    site: str
    root: str | None
    mount: str


def pathdb_of(base_url: str) -> PathDbPlace:
    """Return where the slides of a server are listed."""
    if not is_tcia(base_url):
        return PathDbPlace(base_url, None, MOUNT_PATH)
    is_it = urlsplit(base_url).hostname == urlsplit(PATHDB_SERVER).hostname
    return PathDbPlace(PATHDB_SERVER, None if is_it else PATHDB_SERVER, "")


class SlideQuestions(Asking):
    """Whole-slide images."""

    @question
    def slide_collections(self) -> Steps[Records[ListedCollection]]:
        """Return the collections that have slides.

        :raises NotFound: when the server lists no slides.
        """
        found = yield from self._slide_collections()
        return Records(ListedCollection, found)

    @question
    def slides(
        self, *, collection: str | None = None, subject: str | None = None
    ) -> Steps[Records[ListedSlide]]:
        """Return whole-slide images; without any filter, all of them.

        :param collection: its name. :param subject: the patient's ID.
        :raises NotFound: when the server lists no slides.
        """
        found: list[ListedSlide] = []
        for each in (yield from self._slide_collections()):
            if collection in {None, each.name}:
                found += yield from self._slides_of(each.id)
        return Records(ListedSlide, [each for each in found if subject in {None, each.subject_id}])

    @question
    def slides_of(self, collection_id: int) -> Steps[Records[ListedSlide]]:
        """Return the slides of a collection, by the number that :meth:`slide_collections` tells."""
        found = yield from self._slides_of(collection_id)
        return Records(ListedSlide, found)

    def _slide_collections(self) -> Steps[list[ListedCollection]]:
        place = pathdb_of(self.base_url)
        operation = collections_operation(place.mount)
        try:
            found: list[ListedCollection] = yield Request(
                operation, {}, _read_collections, form=_JSON, root=place.root
            )
        except NoSuchOperation:
            raise NotFound(f"{place.site} lists no slides.") from None
        return found

    def _slides_of(self, collection_id: int) -> Steps[list[ListedSlide]]:
        place = pathdb_of(self.base_url)
        operation = images_operation(collection_id, place.mount)
        found: dict[int, ListedSlide] = {}
        page = 0
        while True:
            form = {**_JSON, "page": str(page)}
            read = partial(_read_page, site=place.site)
            try:
                some: list[ListedSlide] = yield Request(operation, {}, read, form=form, root=place.root)
            except NoSuchOperation:
                raise NotFound(f"{place.site} has no slides of a collection {collection_id}.") from None
            if not some:
                return list(found.values())
            before = len(found)
            found |= {each.id: each for each in some}
            if len(found) == before:
                raise BadAnswer(f"{place.site} sends the same slides on every page.")
            page += 1


def _read_collections(answer: Answer) -> list[ListedCollection]:
    return read_collections(answer.content)


def _read_page(answer: Answer, site: str) -> list[ListedSlide]:
    return read_images(answer.content, site)
