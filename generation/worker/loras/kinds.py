"""Which kind of model a LoRA was made for, and which kind a model is, so that they can be matched.

A kind is the class of the denoiser and one width that sets its relatives apart: for a UNet that of
the texts it looks at, for a transformer that of its own hidden states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.worker.headers import Header

UNET = "UNet2DConditionModel"
FLUX = "FluxTransformer2DModel"
FLUX2 = "Flux2Transformer2DModel"
CHROMA = "ChromaTransformer2DModel"
SD3 = "SD3Transformer2DModel"
QWEN = "QwenImageTransformer2DModel"
Z_IMAGE = "ZImageTransformer2DModel"
LUMINA2 = "Lumina2Transformer2DModel"
SANA = "SanaTransformer2DModel"
HIDREAM = "HiDreamImageTransformer2DModel"
KANDINSKY5 = "Kandinsky5Transformer3DModel"

_TITLES: Mapping[str, Mapping[int | None, str]] = {
    UNET: {
        None: "Stable Diffusion",
        768: "Stable Diffusion 1",
        1024: "Stable Diffusion 2",
        1280: "the refiner of Stable Diffusion XL",
        2048: "Stable Diffusion XL",
    },
    FLUX: {None: "FLUX.1"},
    FLUX2: {
        None: "FLUX.2",
        3072: "FLUX.2 klein 4B",
        4096: "FLUX.2 klein 9B",
        6144: "FLUX.2 dev",
    },
    CHROMA: {None: "Chroma"},
    SD3: {
        None: "Stable Diffusion 3",
        1536: "Stable Diffusion 3 medium",
        2432: "Stable Diffusion 3.5 large",
    },
    QWEN: {None: "Qwen-Image"},
    Z_IMAGE: {None: "Z-Image"},
    LUMINA2: {None: "Lumina 2"},
    SANA: {None: "Sana"},
    HIDREAM: {None: "HiDream"},
    KANDINSKY5: {None: "Kandinsky 5"},
}

# As trainers write it (ss_base_model_version, modelspec.architecture), letters and digits alone;
# the first that is found counts.
_WORDS: tuple[tuple[str, str, int | None], ...] = (
    ("stablediffusionxl", UNET, 2048),
    ("sdxl", UNET, 2048),
    ("stablediffusionv1", UNET, 768),
    ("sdv1", UNET, 768),
    ("stablediffusionv2", UNET, 1024),
    ("sdv2", UNET, 1024),
    ("stablediffusion3", SD3, None),
    ("sd3", SD3, None),
    ("flux2", FLUX2, None),
    ("chroma", CHROMA, None),
    ("flux", FLUX, None),
    ("qwenimage", QWEN, None),
    ("zimage", Z_IMAGE, None),
    ("lumina2", LUMINA2, None),
    ("sana", SANA, None),
    ("hidream", HIDREAM, None),
    ("kandinsky5", KANDINSKY5, None),
)
_NOTES = ("modelspec.architecture", "ss_base_model_version")

# Names of layers, dots written as underscores, by which a denoiser is known.
_SIGNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:down|up|mid|input|output|middle)_blocks?_"), UNET),
    (re.compile(r"joint_blocks_"), SD3),
    (re.compile(r"(?:double|single)_stream_blocks_"), HIDREAM),
    (re.compile(r"(?:text|visual)_transformer_blocks_"), KANDINSKY5),
    (re.compile(r"(?:double|single|single_transformer)_blocks_"), FLUX),
    (re.compile(r"(?:img|txt)_(?:mlp|mod)_"), QWEN),
    (re.compile(r"transformer_blocks_\d+_attn1_"), SANA),
    (re.compile(r"layers_\d+_attention_"), Z_IMAGE),
    (re.compile(r"layers_\d+_attn_"), LUMINA2),
)
_TWO_STREAMS = re.compile(r"add_[kq]_proj_")
_TEXT_LAYER = re.compile(r"_attn2_to_[kv]_")
_ATTENTION = re.compile(r"_(?:to_q|to_k|to_v|qkv|linear1|img_attn_qkv|x_block_attn_qkv)_")
_BLOCK = re.compile(r"transformer_blocks_(\d+)_")
_FEEDS_IN = ("lora_down_", "lora_a_", "lora_linear_layer_down_")  # the matrix that meets the input
_FEEDS_OUT = ("lora_up_", "lora_b_", "lora_linear_layer_up_")
_FLUX_BLOCKS = 19  # of FLUX.1's double kind; Qwen-Image has sixty
_FLUX2_GROWTH = 9  # a single block of FLUX.2 widens its input so many times, one of FLUX.1 seven


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of model. ``width`` is None where it is not known, and then fits every width."""

    denoiser: str
    width: int | None = None

    @property
    def title(self) -> str:
        """How people call it."""
        titles = _TITLES.get(self.denoiser, {None: self.denoiser})
        if self.width in titles or len(titles) == 1:
            return titles.get(self.width, titles[None])
        return f"{titles[None]} of width {self.width}"

    def suits(self, model: Kind) -> bool:
        """Whether what was made for this kind can be worn by such a model."""
        # Chroma is FLUX.1 with layers taken out; what they share bears the same names.
        denoisers = {self.denoiser, CHROMA} if self.denoiser == FLUX else {self.denoiser}
        return model.denoiser in denoisers and (
            self.width is None or model.width is None or self.width == model.width
        )


def kind_of_model(denoiser: Mapping[str, object]) -> Kind:
    """The kind of a model, by the config of its denoiser."""
    name = str(denoiser.get("_class_name", ""))
    for key in ("cross_attention_dim", "dim", "hidden_size"):
        value = denoiser.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, int) and (key != "cross_attention_dim" or name == UNET):
            return Kind(denoiser=name, width=value)
    heads, width = denoiser.get("num_attention_heads"), denoiser.get("attention_head_dim")
    if name != UNET and isinstance(heads, int) and isinstance(width, int):
        return Kind(denoiser=name, width=heads * width)
    return Kind(denoiser=name)


def kind_of_lora(header: Header) -> Kind | None:
    """What the LoRA was made for, by its tensors and else by its notes; None if unknown.

    Tensors count for more: notes are often those of another training.
    """
    layers = [
        (name.lower().replace(".", "_") + "_", shape)
        for name, shape in header.shapes.items()
        if "lora" in name.lower()
    ]
    return _by_tensors(layers) or _by_notes(header.metadata)


def _by_tensors(layers: list[tuple[str, tuple[int, ...]]]) -> Kind | None:
    names = [name for name, _ in layers]
    width = _size(layers, _ATTENTION, _FEEDS_IN, axis=1)
    for pattern, denoiser in _SIGNS:
        if not any(pattern.search(name) for name in names):
            continue
        if denoiser == UNET:
            text = _size(layers, _TEXT_LAYER, _FEEDS_IN, axis=1)
            return None if text is None else Kind(denoiser=UNET, width=text)
        is_second = denoiser == FLUX and _is_second(layers, width)
        return Kind(denoiser=FLUX2 if is_second else denoiser, width=width)
    if any(_TWO_STREAMS.search(name) for name in names):
        return Kind(denoiser=_of_two_streams(names, width), width=width)
    return None


def _is_second(layers: list[tuple[str, tuple[int, ...]]], width: int | None) -> bool:
    if any("to_qkv_mlp_proj_" in name for name, _ in layers):
        return True
    grown = _size(layers, re.compile(r"single_blocks_\d+_linear1_"), _FEEDS_OUT, axis=0)
    return grown is not None and width is not None and grown == _FLUX2_GROWTH * width


def _of_two_streams(names: Iterable[str], width: int | None) -> str:
    """FLUX.1, Qwen-Image and Stable Diffusion 3 name their attention alike."""
    if width in _TITLES[SD3]:
        return SD3
    last = max((int(found[1]) for name in names if (found := _BLOCK.search(name))), default=0)
    return QWEN if last >= _FLUX_BLOCKS else FLUX


def _by_notes(metadata: Mapping[str, str]) -> Kind | None:
    for key in _NOTES:
        text = re.sub(r"[^a-z0-9]", "", metadata.get(key, "")[:200].lower())
        for word, denoiser, width in _WORDS:
            if word in text:
                return Kind(denoiser=denoiser, width=width)
    return None


def _size(
    layers: list[tuple[str, tuple[int, ...]]],
    layer: re.Pattern[str],
    matrices: tuple[str, ...],
    *,
    axis: int,
) -> int | None:
    """The size along ``axis`` of the first such matrix."""
    for name, shape in layers:
        is_matrix = len(shape) > axis and any(matrix in name for matrix in matrices)
        if is_matrix and layer.search(name):
            return shape[axis]
    return None
