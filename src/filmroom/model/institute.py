"""Who comes from an institute's OpenID Connect provider, and whom an archive lets in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a provider vouches for them.

    ``issuer`` and ``subject`` name the person for good (OpenID Connect Core section 2); ``login`` and
    ``email`` may change, and are empty where the provider does not tell them. ``groups`` are the
    provider's names, None where it tells nothing about groups.
    """

    issuer: str
    subject: str
    login: str = ""
    email: str = ""
    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a person.

    ``register``: whether somebody unknown gets an account, in ``default_group`` where one is named; else
    they are refused. ``groups`` maps names of the provider to our groups: their membership is the
    provider's to decide for those who come from it; all other groups are left alone.
    """

    register: bool = False
    default_group: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)

    def memberships(self, person: Person) -> frozenset[str] | None:
        """Return in which of the mapped groups a person belongs; None: as they are."""
        if person.groups is None:
            return None
        return frozenset(ours for theirs, ours in self.groups.items() if theirs in person.groups)
