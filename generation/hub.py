"""Models of the Hugging Face Hub on this machine's disk, in the layout that its own tools keep.

Everyone's tools share one cache (https://huggingface.co/docs/huggingface_hub/guides/manage-cache):
a folder for each repository, and in it one for each commit that was downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the Hub's tools keep what they download, told by the environment as they read it."""
    if named := environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    if home := environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    caches = environ.get("XDG_CACHE_HOME")
    base = Path(caches) if caches else Path(environ.get("HOME", "~")) / ".cache"
    return base.expanduser() / "huggingface" / "hub"


def snapshot_folder(cache: Path, repo: str, revision: str) -> Path:
    """The folder of a repository's files as they were at a commit, given in full."""
    return cache / f"models--{repo.replace('/', '--')}" / "snapshots" / revision
