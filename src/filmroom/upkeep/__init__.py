"""Keeping an archive sound: comparing catalogue and store, mending, healing."""

from filmroom.upkeep.findings import KINDS, Finding, Kind
from filmroom.upkeep.fsck import FsckOptions, FsckProgress, FsckReport, check_archive

__all__ = ["KINDS", "Finding", "FsckOptions", "FsckProgress", "FsckReport", "Kind", "check_archive"]
