"""Descriptions by a model that turns pictures into text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

from generation.errors import NothingFound
from generation.types import Output
from generation.worker.tools import folders
from generation.worker.tools.base import Bench

_PURPOSE = "turns a picture into text"
_MOST_TOKENS = 200
_QUESTION = "Describe this picture in two or three sentences, as a prompt for drawing it."
_NOTHING = "The model had nothing to say about this picture."
_FLORENCE = "florence2"
_FLORENCE_TASK = "<MORE_DETAILED_CAPTION>"


@dataclass(kw_only=True, slots=True)
class Describer:
    """A model with its processor. ``kind`` is its ``model_type``."""

    module: Any
    processor: Any
    kind: str

    def dtype_on(self, device: torch.device, usual: torch.dtype) -> torch.dtype:
        """The worker's own."""
        del device
        return usual

    def work(self, bench: Bench) -> Output:
        """The text, always the same for the same picture. Raises ``NothingFound``."""
        asked = self._asked(bench)
        written = bench.seat.run(lambda: self._write(asked, bench))
        bench.on_step(1, 1)
        text = self._read(written, asked, bench)
        if not text:
            raise NothingFound(_NOTHING)
        return Output.of_text(text)

    def _asked(self, bench: Bench) -> Any:
        """What the model is given: a question where it understands any, else the picture alone."""
        if getattr(self.processor, "chat_template", None):
            parts = [{"type": "image", "image": bench.picture}, {"type": "text", "text": _QUESTION}]
            return self.processor.apply_chat_template(
                [{"role": "user", "content": parts}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        task = {"text": _FLORENCE_TASK} if self.kind == _FLORENCE else {}
        return self.processor(images=bench.picture, return_tensors="pt", **task)

    def _write(self, asked: Mapping[str, torch.Tensor], bench: Bench) -> torch.Tensor:
        moved = {
            name: value.to(bench.device, bench.dtype)
            if torch.is_floating_point(value)
            else value.to(bench.device)
            for name, value in asked.items()
        }
        watch = transformers.StoppingCriteriaList([_Watch(bench)])
        tokens = self.module.generate(
            **moved, max_new_tokens=_MOST_TOKENS, do_sample=False, stopping_criteria=watch
        )
        return tokens[0].cpu()  # type: ignore[no-any-return]  # its classes are untyped

    def _read(self, written: torch.Tensor, asked: Mapping[str, torch.Tensor], bench: Bench) -> str:
        if self.kind == _FLORENCE:
            raw = self.processor.decode(written, skip_special_tokens=False)
            answer = self.processor.post_process_generation(
                raw, task=_FLORENCE_TASK, image_size=bench.picture.size
            )
            return str(answer[_FLORENCE_TASK]).strip()
        begun = asked.get("input_ids")
        if begun is not None and torch.equal(written[: begun.shape[1]], begun[0].cpu()):
            written = written[begun.shape[1] :]  # a decoder repeats the question
        return str(self.processor.decode(written, skip_special_tokens=True)).strip()


class _Watch(transformers.StoppingCriteria):
    """Ends the writing of a cancelled job; the job's thread leaves by itself then."""

    def __init__(self, bench: Bench) -> None:
        self._seat = bench.seat

    def __call__(self, input_ids: torch.Tensor, *_: Any, **__: Any) -> Any:
        is_over = self._seat.is_cancelled
        return torch.full((len(input_ids),), is_over, device=input_ids.device, dtype=torch.bool)


def check(folder: Path) -> str:
    """The model's kind. Raises ``Unavailable``."""
    kinds = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return str(folders.read_config(folder, kinds, _PURPOSE)["model_type"])


def load(folder: Path) -> Describer:
    """The describer on the processor, in float32. Raises ``Unavailable``."""
    kind = check(folder)
    module = folders.load_weights(transformers.AutoModelForImageTextToText, folder)
    processor = folders.load(transformers.AutoProcessor, folder, backend="pil")
    return Describer(module=module, processor=processor, kind=kind)
