"""General types of what a DOI stands for (DataCite metadata schema, kernel 4.7), and licences by name."""

from __future__ import annotations

import re

RESOURCE_TYPES = (
    "Audiovisual",
    "Award",
    "Book",
    "BookChapter",
    "Collection",
    "ComputationalNotebook",
    "ConferencePaper",
    "ConferenceProceeding",
    "DataPaper",
    "Dataset",
    "Dissertation",
    "Event",
    "Image",
    "Instrument",
    "InteractiveResource",
    "Journal",
    "JournalArticle",
    "Model",
    "OutputManagementPlan",
    "PeerReview",
    "PhysicalObject",
    "Poster",
    "Preprint",
    "Presentation",
    "Project",
    "Report",
    "Service",
    "Software",
    "Sound",
    "Standard",
    "StudyRegistration",
    "Text",
    "Workflow",
    "Other",
)

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")

# Licences of SPDX beside those of Creative Commons, whose identifiers are capitals throughout.
_LICENCES = {
    each.lower(): each
    for each in (
        "AGPL-3.0",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "GPL-2.0",
        "GPL-3.0",
        "ISC",
        "LGPL-3.0",
        "MIT",
        "MPL-2.0",
        "ODC-By-1.0",
        "ODbL-1.0",
        "PDDL-1.0",
        "Unlicense",
    )
}


def dashed(name: str | None) -> str | None:
    """Return a general type in the form of its identifier: ``journal-article``."""
    return _WORD_START.sub("-", name).lower() if isinstance(name, str) and name else None


def spaced(identifier: str) -> str:
    """Return the title of a general type from its identifier: ``Journal Article``."""
    return identifier.replace("-", " ").title()


def licence_title(identifier: str) -> str:
    """Return a licence's identifier as SPDX writes it, where it is a known one."""
    if identifier.startswith(("cc-", "cc0-")):
        return identifier.upper()
    return _LICENCES.get(identifier, identifier)
