"""What an ingest run tells its helpers through the ledger."""

from __future__ import annotations

import hashlib
import json
import socket
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from filmroom.ingest.assign import Rules
from filmroom.model.entities import Licence


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules and absolute paths of a run, and the key of an object that only its store holds."""

    rules: Rules
    paths: tuple[str, ...]
    proof: str

    def text(self) -> str:
        """Return the plan as JSON."""
        rules = asdict(self.rules) | {
            "restricted": sorted(self.rules.restricted),
            "originals": sorted(self.rules.originals),
        }
        return json.dumps({"rules": rules, "paths": self.paths, "proof": self.proof})

    @classmethod
    def of_text(cls, text: str) -> Plan:
        """Return the plan that :meth:`text` wrote down."""
        parts = json.loads(text)
        rules = parts["rules"]
        licence = rules["licence"]
        rules |= {
            "licence": None if licence is None else Licence(**licence),
            "restricted": frozenset(rules["restricted"]),
            "originals": frozenset(rules["originals"]),
        }
        return cls(Rules(**rules), tuple(parts["paths"]), parts["proof"])


def new_proof() -> str:
    """Return a key for the object that proves a store to be the same."""
    return f"ingest/{uuid.uuid4().hex}"


def owner_name(folder: Path, key: str) -> str:
    """Return the name of who runs an ingest: the same when the same ingest is started again.

    The lock on the journal in ``folder`` allows one at a time under this name.
    """
    digest = hashlib.sha256(f"{folder}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_host()} {digest[:24]}"


def helper_name() -> str:
    """Return a name for a helper that no other has."""
    return f"{_host()} {uuid.uuid4().hex[:24]}"


def host_of(worker: str) -> str:
    """Return the machine of an owner or helper."""
    return worker.partition(" ")[0]


def _host() -> str:
    return "".join(c for c in socket.gethostname() if c.isprintable() and c != " ")[:100] or "localhost"
