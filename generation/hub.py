"""Models of the Hugging Face Hub on this machine's disk, in the layout that its own tools keep.

Everyone's tools share one cache (https://huggingface.co/docs/huggingface_hub/guides/manage-cache):
a folder for each repository, and in it one for each commit that was downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
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


def files_to_fetch(
    names: Sequence[str], *, file: str | None = None, half: bool = True
) -> list[str]:
    """Those of a repository's files that a model consists of, and its card and licence.

    With a ``file`` that one. Else the parts in diffusers' layout: weights as safetensors (the ones
    in 16 bits where there are both kinds, if ``half``), settings and vocabularies; never pickles,
    nor copies of the model for other programs. Empty where the repository holds no such model.
    """
    cards = [name for name in names if _CARD.fullmatch(name)]
    if file is not None:
        return [file, *cards] if file in names else []
    if _INDEX not in names:
        return []
    parts = [name for name in names if name.count("/") == 1]
    folders = {name.partition("/")[0] for name in parts if name.endswith(_SETTINGS)}
    small = [name for name in parts if _in(name, folders) and not _WEIGHTS.search(name)]
    kept = [name for name in small if name.endswith(_SMALL)]
    for folder in sorted(folders):
        weights = [name for name in parts if _in(name, {folder}) and _WEIGHTS.search(name)]
        marked = [name for name in weights if _HALF.search(name)]
        plain = [name for name in weights if name not in marked]
        kept += (marked or plain) if half else (plain or marked)
    return [_INDEX, *cards, *kept]


_INDEX = "model_index.json"
_CARD = re.compile(r"README\.md|LICEN[CS]E[\w.-]*", re.IGNORECASE)
_SETTINGS = ("config.json", "tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
_SMALL = (".json", ".txt", ".model", ".jinja")
_WEIGHTS = re.compile(r"\.safetensors(\.index(\.\w+)?\.json)?$")
_HALF = re.compile(r"\.(fp16|bf16)[.-]")


def _in(name: str, folders: Collection[str]) -> bool:
    return name.partition("/")[0] in folders
