"""Invented DOI records with the distributions of an archive's real ones, in the JSON of DataCite.

Nothing is copied: titles, names and abstracts are put together from word lists, the same for one seed always.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from filmroom.model.dois import COUNTS

Json = dict[str, Any]


def _split(text: str) -> list[str]:
    return text.split()


_FAMILIES = _split(
    "Adler Berg Castro Dietz Eriksen Fontana Gruber Hansen Ito Jansen Keller Lindqvist Moreau Novak Okafor "
    "Petrov Quist Romero Santos Tanaka Ueda Varga Weber Xu Yamada Zeller"
)
_GIVEN = _split("Ada Bo Clara Dan Eva Finn Greta Hugo Ines Jan Kaja Leo Mia Nils Olga Per Rosa Sven Tove Ulf")
_ORGANS = _split("Lung Breast Brain Prostate Liver Kidney Colon Pancreas Ovary Bladder Spleen Thyroid")
_DISEASES = _split("glioblastoma adenocarcinoma carcinoma melanoma lymphoma sarcoma meningioma nodules")
_MODALITIES = _split("CT MR PET mammography ultrasound pathology")
_WORDS = _split(
    "images patients annotated segmentation cohort imaging study lesions contours volumes tumour treatment "
    "baseline follow scanner protocol contrast radiologist readers dataset clinical outcome genomic survival "
    "screening phantom acquisition reconstruction histology biopsy response therapy staging registration"
)
_SYLLABLES = _split("ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu")
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_LICENCES = (
    ("cc-by-4.0", "Creative Commons Attribution 4.0 International", "by/4.0", 45),
    ("cc-by-3.0", "Creative Commons Attribution 3.0 Unported", "by/3.0", 30),
    ("cc-by-nc-4.0", "Creative Commons Attribution Non Commercial 4.0 International", "by-nc/4.0", 7),
    ("cc-by-nc-3.0", "Creative Commons Attribution Non Commercial 3.0 Unported", "by-nc/3.0", 5),
    ("", "NIH Controlled Data Access Policy", "", 11),
    (None, "", "", 2),
)
_RELATIONS = (
    ("IsCitedBy",) * 20 + ("IsReferencedBy",) * 3 + ("IsDerivedFrom", "Cites", "HasPart", "IsVersionOf")
)


def doi_records(number: int, *, seed: int = 1, client: str = "nihnci.tcia") -> Iterator[Json]:
    """Yield so many documents like answers to ``GET /dois/{doi}``, all findable."""
    dice = random.Random(seed)
    dois: list[str] = []
    for index in range(number):
        doi = _doi(dice, index)
        yield _record(dice, index, doi, dois[-200:], client)
        dois.append(doi)


def _record(dice: random.Random, index: int, doi: str, earlier: list[str], client: str) -> Json:
    year = dice.choices(range(2011, 2026), weights=range(4, 19))[0]
    organ, disease, modality = dice.choice(_ORGANS), dice.choice(_DISEASES), dice.choice(_MODALITIES)
    name = f"{organ}-{modality}-{index:06d}"
    created = dt.datetime(year, 1, 1) + dt.timedelta(seconds=dice.randrange(364 * 86_400))  # noqa: DTZ001
    related = _related(dice, earlier)
    cited = sum(each["relationType"] in {"IsCitedBy", "IsReferencedBy"} for each in related)
    counts = dict.fromkeys(COUNTS, 0) | {
        "viewCount": int(dice.paretovariate(0.9) * 40) % 200_000,
        "citationCount": cited * dice.choice((1, 1, 1, 9)),
    }
    prefix, _, suffix = doi.lower().partition("/")
    identifier = {"identifier": name, "identifierType": "TCIA Short Name"}
    attributes: Json = {
        "doi": doi.lower(),
        "prefix": prefix,
        "suffix": suffix,
        "identifiers": [identifier],
        "creators": [_creator(dice) for _ in range(min(int(dice.expovariate(0.12)) + 1, 40))],
        "titles": [{"title": f"{organ} {modality} of {disease} {_invented(dice)} ({name})"}],
        "publisher": "The Cancer Imaging Archive",
        "container": {},
        "publicationYear": year,
        "subjects": [{"subject": f"{organ} Cancer"}] if dice.random() < 0.1 else [],
        "contributors": [],
        "dates": [{"date": str(year), "dateType": "Issued"}] if dice.random() < 0.7 else [],
        "language": None,
        "types": _types(dice),
        "relatedIdentifiers": related,
        "relatedItems": [],
        "sizes": [],
        "formats": [],
        "version": str(dice.choices(range(1, 12), weights=range(22, 0, -2))[0]),
        "rightsList": _rights(dice),
        "descriptions": [{"description": _abstract(dice, organ, disease), "descriptionType": "Abstract"}],
        "geoLocations": [],
        "fundingReferences": [],
        "url": f"https://archive.example.org/collection/{name.lower()}/",
        "contentUrl": [],
        "metadataVersion": dice.randrange(1, 30),
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "source": dice.choice(("fabricaForm", "fabricaForm", "api")),
        "isActive": True,
        "state": "findable",
        "reason": None,
        **counts,
        "created": _time(created),
        "registered": _time(created + dt.timedelta(minutes=dice.randrange(1, 90_000))),
        "published": str(year),
        "updated": _time(created + dt.timedelta(days=dice.randrange(400))),
    }
    return {
        "data": {
            "id": doi.lower(),
            "type": "dois",
            "attributes": attributes,
            "relationships": {"client": {"data": {"id": client, "type": "clients"}}},
        }
    }


def _doi(dice: random.Random, index: int) -> str:
    """Return a DOI in one of the forms that DOIs of TCIA have; the number makes it the only one."""
    letters = "".join(dice.choice(_BASE32) for _ in range(4))
    number = "".join(_BASE32[index >> shift & 31] for shift in (15, 10, 5, 0))
    year = dice.randrange(2014, 2024)
    form = dice.choices(
        (
            f"10.7937/{letters}-{number}",
            f"10.7937/K9/TCIA.{year}.{letters}{number}".upper(),
            f"10.7937/tcia.{year}.{letters}{number}",
            f"10.7937/tcia.{letters}-{number}",
            f"10.25737/{letters}-{number}",
        ),
        weights=(109, 102, 50, 28, 3),
    )
    return form[0]


def _creator(dice: random.Random) -> Json:
    family, given = dice.choice(_FAMILIES) + dice.choice(("", "", _invented(dice))), dice.choice(_GIVEN)
    orcid = f"{dice.randrange(10**4):04d}-{dice.randrange(10**4):04d}-{dice.randrange(10**4):04d}"
    return {
        "name": f"{family}, {given}",
        "nameType": "Personal",
        "givenName": given,
        "familyName": family,
        "affiliation": ["Example Institute of Imaging"] if dice.random() < 0.1 else [],
        "nameIdentifiers": [
            {
                "schemeUri": "https://orcid.org",
                "nameIdentifier": f"https://orcid.org/0000-{orcid}",
                "nameIdentifierScheme": "ORCID",
            }
        ]
        if dice.random() < 0.3
        else [],
    }


def _types(dice: random.Random) -> Json:
    if dice.random() < 0.01:
        return {
            "ris": "FIGURE",
            "bibtex": "misc",
            "citeproc": "graphic",
            "schemaOrg": "ImageObject",
            "resourceTypeGeneral": "Image",
        }
    made = {"ris": "DATA", "bibtex": "misc", "citeproc": "dataset", "schemaOrg": "Dataset"}
    if dice.random() < 0.5:
        made["resourceType"] = "DICOM"
    return {**made, "resourceTypeGeneral": "Dataset"}


def _rights(dice: random.Random) -> list[Json]:
    key, text, path, _ = dice.choices(_LICENCES, weights=[each[3] for each in _LICENCES])[0]
    if key is None:
        return []
    if not key:
        return [{"rights": text, "rightsUri": "https://archive.example.org/controlled-access/"}]
    return [
        {
            "rights": text,
            "rightsUri": f"https://creativecommons.org/licenses/{path}/legalcode",
            "schemeUri": "https://spdx.org/licenses/",
            "rightsIdentifier": key,
            "rightsIdentifierScheme": "SPDX",
        }
    ]


def _related(dice: random.Random, earlier: list[str]) -> list[Json]:
    found = []
    for _ in range(min(int(dice.expovariate(0.4)), 30)):
        relation = dice.choice(_RELATIONS)
        outside = relation in {"IsCitedBy", "IsReferencedBy"} or not earlier
        paper = f"10.1002/mp.{dice.randrange(90_000)}"
        found.append(
            {
                "relationType": relation,
                "relatedIdentifier": paper if outside else dice.choice(earlier).upper(),
                "relatedIdentifierType": "DOI",
            }
        )
    return found


def _abstract(dice: random.Random, organ: str, disease: str) -> str:
    words = [dice.choice(_WORDS) for _ in range(dice.randrange(15, 60))]
    return f"{organ} {disease}: {' '.join(words)} {_invented(dice)}."


def _invented(dice: random.Random) -> str:
    return "".join(dice.choice(_SYLLABLES) for _ in range(3))


def _time(moment: dt.datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')}Z"
