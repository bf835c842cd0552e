"""`easel fetch`: downloads the models that the configuration pins, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo, hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # its HTTP library's own error
    GatedRepoError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bot.config import Config, LocalConfig, ModelConfig
from bot.endings import OperatorError
from generation.hub import cache_folder, files_to_fetch

ENDPOINT = "https://huggingface.co"

_GB = 1e9


def fetch(config: Config, environ: Mapping[str, str], *, say: Callable[[str], None]) -> None:
    """Download each pinned model that is not whole yet. Raises ``OperatorError``.

    What is there already is not asked for again, so that a download that was cut off goes on.
    """
    hub = _Hub(endpoint=environ.get("HF_ENDPOINT") or ENDPOINT, cache=cache_folder(environ))
    pinned = list(_pinned(config))
    if not pinned:
        say("No model names a repo: there is nothing to download.")
    for model, is_half in pinned:
        hub.fetch(model, half=is_half, say=say)


def _pinned(config: Config) -> Iterator[tuple[ModelConfig, bool]]:
    """The models of the Hub, and whether weights in 16 bits are as good for their backend."""
    for backend in config.backends:
        if isinstance(backend, LocalConfig):
            for model in backend.models:
                if model.repo is not None:
                    yield model, backend.precision != "float32"


class _Hub:
    """The Hub, as far as its files are downloaded into the cache that its tools share."""

    def __init__(self, *, endpoint: str, cache: Path) -> None:
        self._endpoint = endpoint
        self._cache = cache

    def fetch(self, model: ModelConfig, *, half: bool, say: Callable[[str], None]) -> None:
        repo, revision = str(model.repo), str(model.revision)
        sizes = self._sizes(repo, revision)
        names = files_to_fetch(list(sizes), file=model.file, half=half)
        if not names:
            raise OperatorError(_no_model(model))
        total = sum(sizes[name] for name in names)
        say(f"{model.name}: {repo}, {len(names)} files, {total / _GB:.2f} GB")
        self._require_room(total)
        for name in names:
            say(f"  {name} ({sizes[name] / _GB:.2f} GB)")
            self._download(repo, revision, name)

    def _sizes(self, repo: str, revision: str) -> dict[str, int]:
        """The repository's files at that commit, with their bytes."""
        try:
            found: ModelInfo = HfApi(endpoint=self._endpoint).model_info(
                repo, revision=revision, files_metadata=True
            )
        except (HTTPError, OSError) as error:
            raise OperatorError(self._why(repo, revision, error)) from error
        return {each.rfilename: each.size or 0 for each in found.siblings or ()}

    def _download(self, repo: str, revision: str, name: str) -> None:
        try:
            hf_hub_download(
                repo, name, revision=revision, cache_dir=self._cache, endpoint=self._endpoint
            )
        except (HTTPError, OSError) as error:
            raise OperatorError(self._why(repo, revision, error)) from error

    def _require_room(self, wanted: int) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._cache).free
        if free < wanted:
            raise OperatorError(
                f"{self._cache} has {free / _GB:.1f} GB of room, and {wanted / _GB:.1f} GB are "
                "needed. Make room, or set HF_HOME to a folder on another disk."
            )

    def _why(self, repo: str, revision: str, error: Exception) -> str:
        page = f"{ENDPOINT}/{repo}"
        match error:
            case GatedRepoError():
                return (
                    f"{repo} is given to those who accept its licence: do that at {page}, then "
                    "run hf auth login, or set HF_TOKEN."
                )
            case RevisionNotFoundError():
                return f"{repo} has no commit {revision}; {page}/commits/main lists them."
            case RepositoryNotFoundError():
                return f"There is no {page}, or it is private: then run hf auth login."
            case _:
                reason = str(error).partition("\n")[0] or type(error).__name__
                return f"{repo} cannot be downloaded from {self._endpoint}: {reason}"


def _no_model(model: ModelConfig) -> str:
    if model.file is not None:
        return f"{model.repo} has no file {model.file} at that commit."
    return (
        f"{model.repo} is no model in the diffusers format: it has no model_index.json. For one "
        'of its files write file = "…safetensors".'
    )
