"""LoRAs in folders: what is found, for what it was made, and what cannot be used."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from generation import demo_model
from generation.worker.headers import BrokenFileError, read_header
from generation.worker.loras.files import find_loras, unfitting
from generation.worker.loras.kinds import (
    CHROMA,
    FLUX,
    FLUX2,
    QWEN,
    SANA,
    SD3,
    UNET,
    Z_IMAGE,
    Kind,
    kind_of_lora,
    kind_of_model,
)
from generation.worker.loras.notes import MOST_TRIGGERS

SDXL_LAYER = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight"


def write(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A safetensors file of those shapes, in half precision, all zeros."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    return path


def kind(folder: Path, shapes: Mapping[str, tuple[int, ...]], **notes: str) -> Kind | None:
    metadata = {name.replace("__", "."): value for name, value in notes.items()}
    return kind_of_lora(read_header(write(folder / "x.safetensors", shapes, metadata)))


def test_the_demo_models_lora_fits_the_demo_model() -> None:
    (neon,), problems = find_loras([demo_model.LORAS["neon"]])
    config = json.loads((demo_model.MODEL_DIR / "unet" / "config.json").read_text())
    assert problems == ()
    assert neon.name == "neon"
    assert neon.kind is not None
    assert neon.kind.suits(kind_of_model(config))
    assert neon.triggers == ("neon",)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({SDXL_LAYER: (8, 2048)}, Kind(denoiser=UNET, width=2048)),
        (
            {"unet.down_blocks.0.attentions.0.attn2.to_v.lora_A.weight": (8, 768)},
            Kind(denoiser=UNET, width=768),
        ),
        (
            {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (16, 3072)},
            Kind(denoiser=FLUX, width=3072),
        ),
        (
            {
                "diffusion_model.single_blocks.0.linear1.lora_A.weight": (16, 3072),
                "diffusion_model.single_blocks.0.linear1.lora_B.weight": (27648, 16),
            },
            Kind(denoiser=FLUX2, width=3072),
        ),
        (
            {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": (16, 3072)},
            Kind(denoiser=FLUX, width=3072),
        ),
        (
            {"transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight": (4, 1536)}
            | {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 1536)},
            Kind(denoiser=SD3, width=1536),
        ),
        (
            {"transformer.transformer_blocks.59.attn.add_k_proj.lora_A.weight": (4, 3072)}
            | {"transformer.transformer_blocks.59.attn.to_q.lora_A.weight": (4, 3072)},
            Kind(denoiser=QWEN, width=3072),
        ),
        (
            {"diffusion_model.layers.3.attention.to_q.lora_A.weight": (4, 3840)},
            Kind(denoiser=Z_IMAGE, width=3840),
        ),
        (
            {"transformer.transformer_blocks.3.attn1.to_q.lora_A.weight": (4, 2240)},
            Kind(denoiser=SANA, width=2240),
        ),
        ({"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 768)}, None),
    ],
)
def test_tensors_tell_the_kind(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]], expected: Kind | None
) -> None:
    assert kind(tmp_path, shapes) == expected


@pytest.mark.parametrize(
    ("note", "value", "expected"),
    [
        ("modelspec__architecture", "stable-diffusion-v1/lora", Kind(denoiser=UNET, width=768)),
        ("ss_base_model_version", "sdxl_base_v1-0", Kind(denoiser=UNET, width=2048)),
        ("modelspec__architecture", "Flux.1-dev/lora", Kind(denoiser=FLUX)),
        ("modelspec__architecture", "flux-2-dev/lora", Kind(denoiser=FLUX2)),
        ("modelspec__architecture", "something/else", None),
    ],
)
def test_notes_tell_the_kind_where_tensors_do_not(
    tmp_path: Path, note: str, value: str, expected: Kind | None
) -> None:
    assert kind(tmp_path, {"lora_te_x.lora_down.weight": (4, 8)}, **{note: value}) == expected


def test_tensors_count_for_more_than_notes(tmp_path: Path) -> None:
    found = kind(tmp_path, {SDXL_LAYER: (8, 2048)}, ss_base_model_version="sd_v1")
    assert found == Kind(denoiser=UNET, width=2048)


@pytest.mark.parametrize(
    ("lora", "model", "suits"),
    [
        (Kind(denoiser=UNET, width=768), {"cross_attention_dim": 768}, True),
        (Kind(denoiser=UNET, width=768), {"cross_attention_dim": 2048}, False),
        (Kind(denoiser=UNET, width=768), {"cross_attention_dim": [768, 768]}, True),
        (Kind(denoiser=FLUX, width=3072), {"cross_attention_dim": 3072}, False),
        (
            Kind(denoiser=FLUX2, width=3072),
            {"_class_name": FLUX2, "num_attention_heads": 48, "attention_head_dim": 128},
            False,
        ),
        (
            Kind(denoiser=FLUX, width=3072),
            {"_class_name": CHROMA, "num_attention_heads": 24, "attention_head_dim": 128},
            True,
        ),
        (Kind(denoiser=Z_IMAGE, width=3840), {"_class_name": Z_IMAGE, "dim": 3840}, True),
        (
            Kind(denoiser=SANA, width=2240),
            {
                "_class_name": SANA,
                "num_attention_heads": 70,
                "attention_head_dim": 32,
                "cross_attention_dim": 1120,
            },
            True,
        ),
    ],
)
def test_a_lora_suits_models_of_its_own_kind(
    lora: Kind, model: dict[str, object], *, suits: bool
) -> None:
    assert lora.suits(kind_of_model({"_class_name": UNET} | model)) is suits


def test_every_kind_has_a_name_for_people() -> None:
    assert Kind(denoiser=UNET, width=2048).title == "Stable Diffusion XL"
    assert Kind(denoiser=UNET, width=128).title == "Stable Diffusion of width 128"
    assert Kind(denoiser=FLUX, width=3072).title == "FLUX.1"
    assert Kind(denoiser=FLUX).title == "FLUX.1"


def test_folders_are_searched_with_their_subfolders_and_names_are_the_files(
    tmp_path: Path,
) -> None:
    write(tmp_path / "ink.safetensors", {SDXL_LAYER: (8, 2048)})
    write(tmp_path / "styles" / "Oil 2.safetensors", {SDXL_LAYER: (8, 2048)})
    loras, problems = find_loras([tmp_path])
    assert [lora.name for lora in loras] == ["ink", "Oil 2"]
    assert loras[0].info().base == "Stable Diffusion XL"
    assert problems == ()


def test_what_cannot_be_used_is_a_problem_and_the_rest_is_found(tmp_path: Path) -> None:
    write(tmp_path / "a" / "good.safetensors", {SDXL_LAYER: (8, 2048)})
    write(tmp_path / "b" / "good.safetensors", {SDXL_LAYER: (8, 2048)})
    write(tmp_path / "b" / "model.safetensors", {"unet.conv_in.weight": (8, 8)})
    write(tmp_path / "b" / "loha.safetensors", {"lora_unet_x.hada_w1_a": (8, 8)})
    write(tmp_path / "b" / "two:names.safetensors", {SDXL_LAYER: (8, 2048)})
    cut = write(tmp_path / "b" / "cut.safetensors", {SDXL_LAYER: (8, 2048)})
    cut.write_bytes(cut.read_bytes()[:-1])
    (tmp_path / "b" / "old.pt").write_bytes(b"\x80\x02")
    (tmp_path / "b" / "web page.safetensors").write_bytes(b"<html>Please log in</html>")
    loras, problems = find_loras([tmp_path / "a", tmp_path / "b", tmp_path / "nowhere"])
    assert [lora.name for lora in loras] == ["good"]
    said = "\n".join(problems)
    assert "good.safetensors: there is another one in" in said
    assert "model.safetensors: it holds no LoRA" in said
    assert "loha.safetensors: it is a LyCORIS file" in said
    assert "two:names.safetensors: rename it" in said
    assert "cut.safetensors: it is cut short" in said
    assert "old.pt: only .safetensors" in said
    assert "web page.safetensors: it is no safetensors file" in said
    assert "there is no folder" in said
    assert len(problems) == 8


def test_a_lora_that_no_model_can_wear_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "big.safetensors", {SDXL_LAYER: (8, 2048)})
    write(tmp_path / "mystery.safetensors", {"lora_te_x.lora_down.weight": (4, 8)})
    loras, _ = find_loras([tmp_path])
    assert unfitting(loras, [Kind(denoiser=UNET, width=2048)]) == (
        "lora mystery: it does not say for which model it was made",
    )
    assert "made for Stable Diffusion XL" in unfitting(loras, [Kind(denoiser=FLUX)])[0]


@pytest.mark.parametrize(
    ("metadata", "beside", "triggers"),
    [
        ({"modelspec.trigger_phrase": "ink wash, old paper"}, {}, ("ink wash", "old paper")),
        (
            {"ss_tag_frequency": '{"10_ink": {"inkwash": 40, "cat": 3, "tree": 5}}'},
            {},
            ("inkwash",),
        ),
        ({"ss_tag_frequency": '{"10_ink": {"a": 1, "b": 1, "c": 1, "d": 1}}'}, {}, ()),
        ({"ss_tag_frequency": "not JSON"}, {}, ()),
        ({"ss_tag_frequency": "[" * 100_000}, {}, ()),
        ({"modelspec.trigger_phrase": "x"}, {".txt": "mine,\nyours"}, ("mine", "yours")),
        ({}, {".json": '{"activation text": "glow, tube"}'}, ("glow", "tube")),
        ({}, {".civitai.info": '{"trainedWords": ["a b", "c, d"]}'}, ("a b", "c", "d")),
        ({}, {".json": "[1, 2"}, ()),
        ({"modelspec.trigger_phrase": "a,b,c,d,e,f,g,h"}, {}, ("a", "b", "c", "d", "e")),
        ({"modelspec.trigger_phrase": "x" * 5000}, {}, ()),
        ({"modelspec.trigger_phrase": "a\u0007b\u202ec"}, {}, ("abc",)),
    ],
)
def test_triggers_come_from_beside_the_file_or_from_its_notes(
    tmp_path: Path,
    metadata: dict[str, str],
    beside: dict[str, str],
    triggers: tuple[str, ...],
) -> None:
    path = write(tmp_path / "ink.safetensors", {SDXL_LAYER: (8, 2048)}, metadata)
    for ending, text in beside.items():
        path.with_suffix(ending).write_text(text)
    (lora,), _ = find_loras([path])
    assert lora.triggers == triggers
    assert len(triggers) <= MOST_TRIGGERS


@given(st.binary(max_size=200))
def test_any_bytes_are_a_header_or_a_refusal(tmp_path_factory: object, data: bytes) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    with suppress(BrokenFileError):
        read_header(path)


@pytest.mark.parametrize(
    "header",
    [
        '{"a": {"dtype": "F16", "shape": [-1], "data_offsets": [0, 0]}}',
        '{"a": {"dtype": "F16", "shape": "12", "data_offsets": [0, 0]}}',
        '{"a": {"dtype": "F16", "shape": [1]}}',
        '{"a": 1}',
        "[]",
        "[" * 100_000,
        '{"__metadata__": 7}',
    ],
)
def test_a_hostile_header_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(BrokenFileError, match="no safetensors file"):
        read_header(path)


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63))
    with pytest.raises(BrokenFileError):
        read_header(path)
