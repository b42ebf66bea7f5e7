"""Where ingested objects belong: the rules given by the person who ingests, applied to one object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from filmroom.errors import InvalidInput
from filmroom.ingest.candidates import Refused
from filmroom.model.access import Visibility
from filmroom.model.entities import Assignment, Licence

MAXIMUM_COLLECTION = 200
MAXIMUM_SITE = 40


def checked_name(text: str, what: str, maximum: int) -> str:
    """Return the name of a collection or site, if it is legal.

    :raises InvalidInput: when it is empty, longer than ``maximum`` characters, not printable, begins or
        ends with a blank, or holds ``//`` (which separates collection and site in grants).
    """
    if not text or len(text) > maximum or not text.isprintable() or text != text.strip() or "//" in text:
        raise InvalidInput(
            f"The name of a {what} has 1 to {maximum} printable characters, no blank at its ends "
            f"and no '//': {text[:300]!r}."
        )
    return text


@dataclass(frozen=True, slots=True)
class Rules:
    """How objects are assigned, and whether their bytes are copied.

    Exactly one of ``collection`` and ``collection_from`` is given. ``folder``: the first folder below the
    ingested path names the collection; ``tag``: the private elements (0013,1010) and (0013,1012) of
    creator CTP name collection and site. ``site`` defaults to the collection's name. ``access`` None means
    public for a new collection and as it is for one that exists; ``visibility`` is a code of
    :class:`filmroom.model.access.Visibility`.

    :raises InvalidInput: when they contradict each other or a name is illegal.
    """

    collection: str | None = None
    collection_from: Literal["folder", "tag"] | None = None
    site: str | None = None
    licence: Licence | None = None
    description_uri: str | None = None
    third_party_analysis: bool = False
    visibility: int = int(Visibility.VISIBLE)
    access: Literal["public", "restricted"] | None = None
    in_place: bool = False
    originals: frozenset[str] = field(default=frozenset(), compare=False)
    """Collections whose slides are given out as they came, labels and all."""
    restricted: frozenset[str] = field(default=frozenset(), compare=False)
    """Collections that are restricted now: new sites of theirs are restricted too unless told otherwise."""

    def __post_init__(self) -> None:
        if (self.collection is None) == (self.collection_from is None):
            raise InvalidInput(
                "Say where the images belong: either --collection NAME or --collection-from folder|tag."
            )
        if self.collection_from not in {None, "folder", "tag"}:
            raise InvalidInput(f"--collection-from is folder or tag, not {self.collection_from!r}.")
        if self.collection is not None:
            checked_name(self.collection, "collection", MAXIMUM_COLLECTION)
        if self.site is not None:
            checked_name(self.site, "site", MAXIMUM_SITE)
        if self.visibility not in tuple(Visibility):
            raise InvalidInput(f"A visibility is a code from 0 to 12, not {self.visibility}.")
        if self.access not in {None, "public", "restricted"}:
            raise InvalidInput(f"The access is public or restricted, not {self.access!r}.")

    def assign(self, folder: str | None, collection_tag: str | None, site_tag: str | None) -> Assignment:
        """Return where one object belongs.

        :raises Refused: with reason ``no-collection`` when the rules do not say.
        """
        site = self.site
        if self.collection is not None:
            name = self.collection
        elif self.collection_from == "folder":
            if folder is None:
                raise Refused(
                    "no-collection",
                    "It lies directly in the path that was ingested, so no folder names its collection; "
                    "move it into a folder named for the collection, or ingest it with --collection NAME.",
                )
            name = folder
        else:
            if not collection_tag:
                raise Refused(
                    "no-collection",
                    "It has no private element (0013,1010) of creator CTP that names its collection; "
                    "ingest it with --collection NAME.",
                )
            name, site = collection_tag, site or site_tag
        try:
            checked_name(name, "collection", MAXIMUM_COLLECTION)
            # A collection's name may be longer than a site's; the site then takes its beginning.
            site = checked_name(site or name[:MAXIMUM_SITE].rstrip(), "site", MAXIMUM_SITE)
        except InvalidInput as error:
            raise Refused("no-collection", str(error)) from None
        return Assignment(
            collection=name,
            site=site,
            licence=self.licence,
            description_uri=self.description_uri,
            third_party_analysis=self.third_party_analysis,
            visibility=self.visibility,
            access=self.access or ("restricted" if name in self.restricted else "public"),
        )
