"""What the servers that speak OpenAI's images API take beside what they all take.

Sources: OpenAI's reference for ``/v1/images``, the serving documentation of vLLM-Omni, SGLang's
``multimodal_gen`` entry points and LocalAI's image endpoint, all as of 2026. A field that a server
is not known to take is never sent: some ignore it in silence, others refuse the whole request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.backends.remote import values


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """A kind of server. The texts are the names of fields, None where it has none.

    ``splits_prompt``: what follows a ``|`` in the prompt is the negative prompt.
    ``wants_base64``: it answers with URLs unless it is asked for base64; those that always answer
    with base64 refuse to be asked. ``pictures`` is the field of the pictures to edit.
    ``has_partial_images``: it shows pictures while they are drawn, if asked to stream.
    ``stops_when_left``: it stops drawing for who hangs up; others draw on.
    """

    name: str
    title: str
    seed: str | None = None
    steps: str | None = None
    guidance: str | None = None
    negative: str | None = None
    splits_prompt: bool = False
    wants_base64: bool = True
    pictures: str = "image[]"
    has_partial_images: bool = False
    stops_when_left: bool = False

    @property
    def takes_negative(self) -> bool:
        """Whether there is a way to say what not to draw."""
        return self.negative is not None or self.splits_prompt


OPENAI = Dialect(
    name="openai", title="OpenAI's images API", wants_base64=False, has_partial_images=True
)
SGLANG = Dialect(
    name="sglang",
    title="SGLang-Diffusion",
    seed="seed",
    steps="num_inference_steps",
    guidance="guidance_scale",
    negative="negative_prompt",
    pictures="image",
)
VLLM_OMNI = Dialect(
    name="vllm-omni",
    title="vLLM-Omni",
    seed="seed",
    steps="num_inference_steps",
    guidance="guidance_scale",
    negative="negative_prompt",
    pictures="image",
    stops_when_left=True,
)
LOCALAI = Dialect(name="localai", title="LocalAI", seed="seed", steps="step", splits_prompt=True)
PLAIN = Dialect(name="plain", title="an OpenAI-style images API")

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (OPENAI, SGLANG, VLLM_OMNI, LOCALAI, PLAIN)
}
"""Every dialect by the name that an operator may give."""

_OWNERS = (("sglang", SGLANG), ("vllm", VLLM_OMNI), ("openai", OPENAI), ("system", OPENAI))
_HOSTS = (("api.openai.com", OPENAI),)


def find_dialect(host: str, cards: Iterable[Mapping[str, object]]) -> Dialect:
    """What answers at that host, by how it describes its models; ``PLAIN`` where nothing tells."""
    for known, dialect in _HOSTS:
        if host == known:
            return dialect
    for card in cards:
        owner = values.field_text(card, "owned_by").casefold()
        for known, dialect in _OWNERS:
            if owner.startswith(known):
                return dialect
    return PLAIN
