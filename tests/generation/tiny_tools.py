"""Tools of a few thousand random weights, saved as people publish real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

from generation.worker.tools.networks import Compact, Esrgan

_LIBRARY: Any = transformers  # its classes are untyped
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,'-"


def build(folder: Path) -> None:
    """Two upscalers, two cutters, of which one finds nothing ever, and a describer."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(esrgan().state_dict(), folder / "sharp.safetensors")
    save_file(compact().state_dict(), folder / "compact.safetensors")
    save_cutter(folder / "cutter", {0: "background", 1: "cat"})
    save_cutter(folder / "blind", {0: "background", 1: "cat"}, sees_anything=False)
    save_describer(folder / "describer")


def esrgan(*, folding: int = 1, doublings: int = 2) -> Esrgan:
    return Esrgan(folding=folding, features=8, growth=4, blocks=1, doublings=doublings)


def compact() -> Compact:
    return Compact(features=8, convolutions=3, scale=2)


def save_cutter(folder: Path, labels: dict[int, str], *, sees_anything: bool = True) -> None:
    config = _LIBRARY.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 8],
        patch_sizes=[3, 3],
        strides=[4, 2],
        num_attention_heads=[1, 1],
        mlp_ratios=[1, 1],
        decoder_hidden_size=8,
        id2label=labels,
        label2id={label: index for index, label in labels.items()},
    )
    model = _LIBRARY.SegformerForSemanticSegmentation(config)
    if not sees_anything:
        torch.nn.init.constant_(model.decode_head.classifier.bias, -50.0)
        torch.nn.init.constant_(model.decode_head.classifier.bias[:1], 50.0)
    model.save_pretrained(str(folder), safe_serialization=True)
    size = {"height": 64, "width": 64}
    _LIBRARY.SegformerImageProcessorPil(size=size).save_pretrained(str(folder))


def save_describer(folder: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{a}" for a in _LETTERS)]
    tokenizer = _LIBRARY.BertTokenizer(vocab={word: index for index, word in enumerate(words)})
    text = _LIBRARY.BlipTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        encoder_hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=256,
        bos_token_id=2,
        sep_token_id=3,
        eos_token_id=3,
        pad_token_id=0,
    )
    vision = _LIBRARY.BlipVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    config = _LIBRARY.BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
    model = _LIBRARY.BlipForConditionalGeneration(config)
    model.save_pretrained(str(folder), safe_serialization=True)
    eyes = _LIBRARY.BlipImageProcessorPil(size={"height": 32, "width": 32})
    _LIBRARY.BlipProcessor(eyes, tokenizer).save_pretrained(str(folder))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
