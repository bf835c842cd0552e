"""How far things are in a picture, by a model that the operator names: near is white."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch.nn import functional

from generation.errors import ControlUnusable
from generation.worker.model_folder import FAILURES

_SIDE = 518
_MULTIPLE = 14
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DepthEstimator:
    """A folder of transformers' depth estimation, such as Depth Anything or DPT.

    It is read when it is first needed. All of it is for the device's thread.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._model: Any = None

    def estimate(self, picture: Image.Image) -> Image.Image:
        """The picture's depth as shades of grey, in its size. Raises ``ControlUnusable``."""
        if self._model is None:
            self._model = self._read()
        with torch.no_grad():
            found = self._model(pixel_values=self._seen(picture)).predicted_depth
        sized = functional.interpolate(
            found[:, None].float(), size=(picture.height, picture.width), mode="bicubic"
        )[0, 0]
        low, high = sized.min(), sized.max()
        near = (sized - low) / (high - low).clamp_min(1e-6)
        if _tells_distance(self._model.config):
            near = 1 - near
        shades = (near * 255).round().to("cpu", torch.uint8).numpy()
        return Image.fromarray(shades).convert("RGB")

    def give_back(self) -> None:
        """Let go of the model until it is needed again."""
        self._model = None

    def _read(self) -> Any:
        try:
            model = transformers.AutoModelForDepthEstimation.from_pretrained(
                str(self._folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
        except FAILURES as error:
            raise ControlUnusable(
                "Depth cannot be found in pictures right now.",
                detail=f"{type(error).__name__}: {error}"[:300],
            ) from error
        return model.eval().requires_grad_(requires_grad=False).to(self._device)

    def _seen(self, picture: Image.Image) -> torch.Tensor:
        """The picture as the model wants it: about its own size, in its shape, normalised."""
        notes = _notes(self._folder)
        size = notes.get("size")
        side = int(size.get("height", _SIDE)) if isinstance(size, dict) else _SIDE
        multiple = int(notes.get("ensure_multiple_of") or _MULTIPLE)
        scale = side / min(picture.size)
        width, height = (max(1, round(each * scale / multiple)) * multiple for each in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        values = torch.from_numpy(np.asarray(resized, dtype=np.float32) / 255)
        mean = torch.tensor(notes.get("image_mean") or _MEAN)
        spread = torch.tensor(notes.get("image_std") or _SPREAD)
        ready = ((values - mean) / spread).permute(2, 0, 1)[None]
        return ready.to(self._device, self._model.dtype)


def _tells_distance(config: Any) -> bool:
    """Whether its numbers grow with the distance; most models' shrink."""
    kind = getattr(config, "depth_estimation_type", None)
    return kind == "metric" or config.model_type in {"zoedepth", "depth_pro"}


def _notes(folder: Path) -> Mapping[str, Any]:
    """What the model's own notes say of the pictures it was trained on; nothing without them."""
    try:
        content = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
