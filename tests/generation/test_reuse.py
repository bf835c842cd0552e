"""Settings of pictures from here and elsewhere, taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from generation.backends.base import LoraInfo
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import BadImage, Unavailable
from generation.infotext import write
from generation.prompt import Draft, clean_text, parse_flags
from generation.reuse import take_over
from generation.types import SEED_MAX, Lora, Params, Task
from tests.generation.local_models import params

MODEL = replace(
    TEST_CARD,
    name="dream",
    title="Dream One",
    width=512,
    height=512,
    multiple_of=64,
    min_side=256,
    max_side=1024,
    min_steps=2,
    max_steps=60,
    samplers=("Euler a", "Euler", "DPM++ 2M", "DDIM"),
    schedulers=("Automatic", "Karras", "Simple"),
    loras=(LoraInfo(name="Ink"), LoraInfo(name="Oil")),
    eta_samplers=("DDIM",),
    max_clip_skip=3,
)
SWIFT = replace(MODEL, name="swift", title="Swift", uses_guidance=False, uses_negative_prompt=False)
CATALOG = Catalog((MODEL, SWIFT))

STARTED = (
    "It was started from another picture, which is not in the file. "
    "To start from a picture, choose Reimagine… on it."
)

A1111 = """\
portrait of a (red fox:1.2) in snow, 85mm, <lora:ink:0.8>
golden hour
Negative prompt: blurry, lowres
extra legs
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567890, Size: 768x512, \
Model hash: 6ce0161689, Model: Dream One, Denoising strength: 0.45, Clip skip: 2, \
Hires upscale: 2, Hires steps: 12, Hires upscaler: Latent, \
Lora hashes: "ink: 0a1b2c3d4e5f, Seed: 5", ADetailer model: face_yolov8n.pt, \
ADetailer confidence: 0.3, Version: v1.9.4"""

FORGE = """\
a lighthouse on a cliff, storm
Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, \
Seed: 42, Size: 896x1024, Model hash: abcdef0123, Model: flux1-dev-fp8, Version: f2.0.1, \
Diffusion in Low Bits: Automatic (fp16 LoRA), Module 1: ae, Module 2: clip_l"""

COMFY = """\
a teapot, studio light
Negative prompt: text
Steps: 30, Sampler: dpmpp_2m_karras, CFG scale: 7.0, Seed: 987654321987654321, Size: 512x768, \
Model: dream, Model hash: 1122334455, Hashes: {"model": "1122334455", "lora:unknown": "99"}, \
Version: ComfyUI"""

CIVITAI = """\
a quiet harbour at dawn
Negative prompt: people
Steps: 25, CFG scale: 4, Sampler: Euler a, Seed: 3, workflow: txt2img, width: 832, height: 1216, \
Model hash: , Created Date: 2025-01-02T03:04:05Z, \
Civitai resources: [{"type":"checkpoint","modelVersionId":1,"modelName":"Some, Model: other"}]"""


def test_a_picture_from_a1111_is_taken_over() -> None:
    taken = take_over(A1111, CATALOG)
    assert taken.draft == Draft(
        prompt="portrait of a (red fox:1.2) in snow, 85mm, <lora:ink:0.8> golden hour",
        negative_prompt="blurry, lowres extra legs",
        model="Dream One",
        width=768,
        height=512,
        steps=28,
        guidance_scale=6.5,
        sampler="DPM++ 2M",
        scheduler="Karras",
        seed=1234567890,
        clip_skip=2,
    )
    assert taken.notes == ("Not taken over: ADetailer, hires fix.",)


def test_a_picture_from_forge_keeps_the_guidance_that_mattered() -> None:
    taken = take_over(FORGE, CATALOG)
    assert taken.draft == Draft(
        prompt="a lighthouse on a cliff, storm",
        width=896,
        height=1024,
        steps=20,
        guidance_scale=3.5,
        sampler="Euler",
        scheduler="Simple",
        seed=42,
    )
    assert taken.notes == ("Its model “flux1-dev-fp8” is not here; the usual one is chosen.",)


def test_a_picture_from_comfyui_is_taken_over_but_for_its_large_seed() -> None:
    taken = take_over(COMFY, CATALOG)
    assert (taken.draft.model, taken.draft.sampler, taken.draft.scheduler) == (
        *("dream", "DPM++ 2M", "Karras"),
    )
    assert taken.draft.seed is None
    assert taken.notes == (f"Seeds go up to {SEED_MAX} here; a random one is chosen.",)


def test_a_size_that_cannot_be_had_comes_close_to_its_shape() -> None:
    taken = take_over(CIVITAI, CATALOG)
    assert (taken.draft.width, taken.draft.height) == (448, 640)
    assert taken.notes == (
        "832×1216 is not possible with Dream One; 448×640 comes closest to its shape.",
    )


@given(st.data())
def test_our_own_pictures_lead_to_the_same_job_again(data: st.DataObject) -> None:
    words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
    prompt, negative = clean_text(data.draw(words)), clean_text(data.draw(words))
    made = params(
        model="dream",
        prompt=prompt or "x",
        negative_prompt=negative,
        width=data.draw(st.sampled_from([256, 512, 1024])),
        height=data.draw(st.sampled_from([256, 512, 1024])),
        steps=data.draw(st.integers(2, 60)),
        guidance_scale=data.draw(st.sampled_from([0.0, 1.0, 5.5, 30.0])),
        sampler=data.draw(st.sampled_from(MODEL.samplers)),
        scheduler=data.draw(st.sampled_from(MODEL.schedulers)),
        seed=data.draw(st.integers(0, SEED_MAX)),
        exact=data.draw(st.booleans()),
        loras=data.draw(st.sampled_from([(), (Lora(name="Ink", weight=-0.5), Lora(name="Oil"))])),
    )
    if made.prompt.startswith(("Negative prompt:", "Steps:", "--", "—", "<")):
        return
    title = data.draw(st.sampled_from(["Dream One", "dream"]))
    taken = take_over(write(made, seed=made.seed, model_title=title), CATALOG)
    assert taken.notes == ()
    assert resolved(taken.draft) == made


def resolved(draft: Draft) -> Params:
    """What becomes of it once it has been through the form, where tags count as LoRAs."""
    prompt, mark, tags = draft.prompt.partition(" <lora:")
    loras = parse_flags(f"x{mark}{tags}").loras
    return CATALOG.resolve(replace(draft, prompt=prompt, loras=loras), task=Task.TXT2IMG)


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("Steps: 900", "More than 60 steps are not possible here; 60 are chosen."),
        ("Steps: 1", "Fewer than 2 steps are not possible here; 2 are chosen."),
        ("CFG scale: 70", "Guidance 70 is not possible here and is left out."),
        ("Sampler: Restart", "The sampler “Restart” is not here; the usual one is chosen."),
        ("Schedule type: Beta", "The schedule “Beta” is not here; the usual one is chosen."),
        ("Clip skip: 9", "Clip skip 9 is not possible here and is left out."),
        ("Eta: 0.5", "Eta 0.5 is not possible here and is left out."),
        (
            "Model: swift, CFG scale: 7",
            "Guidance 7 has no effect with Swift and is left out.",
        ),
        ("Size: 4000x100", "4000×100 is not possible with Dream One; the usual size is chosen."),
        ("Refiner: some, Refiner switch at: 0.8", "Not taken over: the refiner."),
        ("Denoising strength: 0.6", STARTED),
    ],
)
def test_what_cannot_be_had_is_told(line: str, note: str) -> None:
    taken = take_over(f"a cat\nRNG: GPU, Version: v1, Token merging: 0, {line}", CATALOG)
    assert taken.notes == (note,)
    assert CATALOG.resolve(taken.draft, task=Task.TXT2IMG)


def test_a_negative_prompt_that_has_no_effect_is_left_out() -> None:
    taken = take_over("a cat\nNegative prompt: dog\nSteps: 4, Seed: 1, Model: swift", CATALOG)
    assert taken.draft.negative_prompt is None
    assert taken.notes == ("Swift ignores negative prompts, so that one is left out.",)


def test_loras_that_are_not_here_are_left_out_of_the_prompt_by_name() -> None:
    text = "a <lora:ink:0.5:0.7> b <lora:gone:1> c <lora:oil> d <lora:ink:1> e <lora:broken"
    taken = take_over(text, CATALOG)
    assert taken.draft.prompt == "a <lora:ink:0.5> b c <lora:oil:1> d e broken"
    assert taken.notes == ("LoRAs that cannot be used here are left out: “gone”, “ink”.",)
    assert len(parse_flags(taken.draft.prompt).loras) == 2


def test_a_prompt_over_the_limit_is_cut() -> None:
    taken = take_over("fox " * 2000, CATALOG)
    assert len(taken.draft.prompt) <= 2000
    assert taken.notes == ("The prompt is cut to 2,000 characters.",)


@pytest.mark.parametrize("text", ["", "  \n ", '{"prompt": "a cat", "steps": 3}'])
def test_a_text_without_settings_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(BadImage, match="no settings in that picture"):
        take_over(text, CATALOG)


def test_without_any_model_it_says_so() -> None:
    with pytest.raises(Unavailable):
        take_over(A1111, Catalog())


@given(st.text(max_size=300))
def test_whatever_a_text_holds_the_draft_can_be_drawn(text: str) -> None:
    fields = f"Steps: {text}, Seed: {text}, Size: {text}x{text}, Sampler: {text}, Model: {text}"
    for whole in (text, f"a cat\n{text}\n{fields}"):
        try:
            taken = take_over(whole, CATALOG)
        except BadImage:
            continue
        CATALOG.resolve(replace(taken.draft, prompt="x"), task=Task.TXT2IMG)
