"""Who looks, and at what: the viewer and the set of series it may see.

Every read of the catalogue takes a :class:`VisibleSet`; the catalogue turns it into a condition of the
query itself. What a viewer may not see is answered exactly as if it did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

PUBLIC_PROTECTION_GROUP = "NCIA.PUBLIC"
"""Name of the protection group whose ``collection//site`` pairs everybody may see (NBIA model)."""


class Role(Enum):
    """Roles that a grant gives on a protection group (NBIA model)."""

    READ = "NCIA.READ"
    ADMIN = "NCIA.ADMIN"
    CURATE = "NCIA.CURATE"
    SUPER_CURATOR = "NCIA.SUPER_CURATOR"
    MANAGE_VISIBILITY_STATUS = "NCIA.MANAGE_VISIBILITY_STATUS"
    MANAGE_COLLECTION_DESCRIPTION = "NCIA.MANAGE_COLLECTION_DESCRIPTION"
    DELETE_ADMIN = "NCIA.DELETE_ADMIN"
    VIEW_SUBMISSION_REPORT = "NCIA.VIEW_SUBMISSION_REPORT"


class Visibility(IntEnum):
    """Visibility codes of a series (NBIA model). 5 to 11 are stages that a site names itself."""

    NOT_YET_REVIEWED = 0
    VISIBLE = 1
    NOT_VISIBLE = 2
    TO_BE_DELETED = 3
    DELETE = 4
    STAGE_5 = 5
    STAGE_6 = 6
    STAGE_7 = 7
    STAGE_8 = 8
    STAGE_9 = 9
    STAGE_10 = 10
    STAGE_11 = 11
    DOWNLOADABLE = 12

    @property
    def label(self) -> str:
        """The name of the state, as NBIA shows it; the stages are counted from 1."""
        if self.name.startswith("STAGE_"):
            return f"Stage {self - Visibility.STAGE_5 + 1}"
        return self.name.replace("_", " ").title()


class Scope(Enum):
    """What kind of look: the visibility codes that it reaches."""

    SEARCH = (Visibility.VISIBLE,)
    RETRIEVE = (Visibility.VISIBLE, Visibility.DOWNLOADABLE)
    CURATE = tuple(Visibility)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. ``account_id`` is None for the public."""

    account_id: int | None = None
    login: str = ""


PUBLIC = Viewer()


@dataclass(frozen=True, slots=True)
class VisibleSet:
    """The series that a viewer may see in one scope: the public pairs and those granted to it."""

    viewer: Viewer = field(default=PUBLIC)
    scope: Scope = Scope.SEARCH
