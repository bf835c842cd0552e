"""From a draft to parameters without gaps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, strategies as st

from generation.backends.base import LoraInfo, ToolInfo
from generation.backends.scripted import TEST_CARD, TEST_TOOLS, ScriptedBackend
from generation.catalog import Catalog
from generation.errors import InvalidParams, Unavailable
from generation.prompt import Draft
from generation.tools import tool_params
from generation.types import SEED_MAX, Lora, Params, Task

MODEL = replace(
    TEST_CARD,
    name="dream",
    title="Dream One",
    multiple_of=64,
    min_side=256,
    max_side=1024,
    loras=(LoraInfo(name="Ink"), LoraInfo(name="Oil")),
    misfits=(LoraInfo(name="Glow", base="Stable Diffusion XL"),),
    samplers=("Euler a", "Euler", "DDIM", "DPM++ 2M", "DPM++ 2M SDE"),
    schedulers=("Automatic", "Karras", "SGM Uniform"),
    uses_emphasis=True,
    eta_samplers=("DDIM",),
    max_clip_skip=3,
)
OTHER = replace(TEST_CARD, name="swift", tasks=frozenset({Task.TXT2IMG}), uses_guidance=False)
NARROW = replace(
    TEST_CARD, name="narrow", min_steps=2, max_steps=75, min_guidance=1.0, max_guidance=15.0
)
CATALOG = Catalog((MODEL, OTHER, NARROW))


def resolve(task: Task = Task.TXT2IMG, **typed: object) -> Params:
    draft = Draft(**{"prompt": "a cat", **typed})  # type: ignore[arg-type]  # real fields
    return CATALOG.resolve(draft, task=task)


def refusal(task: Task = Task.TXT2IMG, **typed: object) -> InvalidParams:
    with pytest.raises(InvalidParams) as caught:
        resolve(task, **typed)
    return caught.value


def test_what_is_left_open_comes_from_the_model() -> None:
    made = resolve(seed=5)
    assert made == Params(
        task=Task.TXT2IMG,
        model="dream",
        prompt="a cat",
        negative_prompt="",
        width=512,
        height=512,
        steps=8,
        guidance_scale=7.0,
        sampler="Euler a",
        scheduler="Automatic",
        seed=5,
        count=1,
    )


@pytest.mark.parametrize("seed", [None, -1])
def test_an_open_seed_is_drawn_here(seed: int | None) -> None:
    drawn = {resolve(seed=seed).seed for _ in range(8)}
    assert len(drawn) > 1
    assert all(0 <= value <= SEED_MAX for value in drawn)


@pytest.mark.parametrize("name", ["dream", "DREAM", "dream one"])
def test_a_model_is_found_by_name_or_title_in_any_case(name: str) -> None:
    assert CATALOG.find(name) is MODEL


def test_a_model_that_is_not_there_is_refused_with_a_suggestion() -> None:
    assert refusal(model="drean").sentence == "There is no model “drean”. Did you mean dream?"


def test_a_server_default_that_is_gone_gives_way_to_the_first_model() -> None:
    made = CATALOG.resolve(Draft(prompt="x"), task=Task.TXT2IMG, default_model="gone")
    assert made.model == "dream"
    made = CATALOG.resolve(Draft(prompt="x"), task=Task.TXT2IMG, default_model="swift")
    assert made.model == "swift"


def test_an_empty_catalog_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Catalog().resolve(Draft(prompt="x"), task=Task.TXT2IMG)


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ({"aspect_ratio": "3:2"}, (640, 448)),
        ({"aspect_ratio": "2:3"}, (448, 640)),
        ({"aspect_ratio": "1:1"}, (512, 512)),
        ({"width": 768}, (768, 512)),
        ({"width": 768, "aspect_ratio": "3:2"}, (768, 512)),
        ({"height": 512, "aspect_ratio": "3:2"}, (768, 512)),
        ({"width": 256, "height": 1024}, (256, 1024)),
    ],
)
def test_the_size_follows_what_was_typed(typed: dict[str, object], size: tuple[int, int]) -> None:
    made = resolve(**typed)  # type: ignore[arg-type]  # none of these is a task
    assert (made.width, made.height) == size


def test_a_picture_gives_its_shape_where_no_size_was_typed() -> None:
    made = CATALOG.resolve(Draft(prompt="x"), task=Task.IMG2IMG, picture_size=(3000, 2000))
    assert (made.width, made.height) == (640, 448)
    assert made.strength == MODEL.strength


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_ratio_gives_an_allowed_size_or_one_refusal(width: int, height: int) -> None:
    steepness = max(width / height, height / width)
    assume(not 4 < steepness <= 5.01)
    if steepness > 5:
        assert refusal(aspect_ratio=f"{width}:{height}").option == "aspect_ratio"
        return
    made = resolve(aspect_ratio=f"{width}:{height}")
    for side in (made.width, made.height):
        assert side % MODEL.multiple_of == 0
        assert MODEL.min_side <= side <= MODEL.max_side
    assert made.width / made.height == pytest.approx(width / height, rel=0.26)


@pytest.mark.parametrize(
    ("task", "typed", "option", "words"),
    [
        ("txt2img", {"prompt": "  "}, "prompt", "describe the picture"),
        ("txt2img", {"width": 500}, "width", "nearest to 500 is 512"),
        ("txt2img", {"height": 4096}, "height", "256 to 1024"),
        ("txt2img", {"aspect_ratio": "20:1"}, "aspect_ratio", "too extreme"),
        (
            "txt2img",
            {"width": 512, "height": 512, "aspect_ratio": "3:2"},
            "aspect_ratio",
            "already fix the shape",
        ),
        ("txt2img", {"steps": 0}, "steps", "1 to 150"),
        ("txt2img", {"count": 5}, "count", "1 to 4"),
        ("txt2img", {"guidance_scale": 31.0}, "guidance_scale", "0 to 30"),
        ("txt2img", {"model": "narrow", "steps": 1}, "steps", "2 to 75"),
        ("txt2img", {"model": "narrow", "guidance_scale": 0.5}, "guidance_scale", "1 to 15"),
        ("txt2img", {"guidance_scale": float("nan")}, "guidance_scale", "not nan"),
        ("txt2img", {"model": "swift", "guidance_scale": 3.0}, "guidance_scale", "ignores"),
        ("txt2img", {"sampler": "Euler b"}, "sampler", "Did you mean Euler"),
        ("txt2img", {"scheduler": "Karas"}, "scheduler", "Did you mean Karras"),
        ("txt2img", {"seed": SEED_MAX + 1}, "seed", "not 4294967296"),
        ("txt2img", {"strength": 0.5}, "strength", "add a picture"),
        ("img2img", {"strength": 0.0}, "strength", "above 0"),
        ("img2img", {"strength": 1.5}, "strength", "at most 1"),
        ("img2img", {"model": "swift"}, "model", "cannot start from a picture"),
        ("txt2img", {"loras": (Lora(name="imk"),)}, "loras", "Did you mean Ink"),
        ("txt2img", {"loras": (Lora(name="../x"),)}, "loras", "There is no LoRA"),
        ("txt2img", {"loras": (Lora(name="ink", weight=3),)}, "loras", "from -2 to 2, not 3"),
        ("txt2img", {"loras": (Lora(name="ink"),) * 9}, "loras", "At most 8"),
        (
            "txt2img",
            {"loras": (Lora(name="glow"),)},
            "loras",
            "The LoRA Glow is made for Stable Diffusion XL; dream cannot use it.",
        ),
        ("txt2img", {"eta": 0.5}, "eta", "takes no eta here; choose DDIM for it"),
        ("txt2img", {"eta": 1.5, "sampler": "DDIM"}, "eta", "not 1.5"),
        ("txt2img", {"clip_skip": 4}, "clip_skip", "1 to 3"),
        ("txt2img", {"model": "swift", "clip_skip": 2}, "clip_skip", "has no clip skip"),
        (
            "txt2img",
            {"sampler": "Euler a Karras", "scheduler": "SGM Uniform"},
            "scheduler",
            "already names the schedule Karras",
        ),
        ("txt2img", {"prompt": "(16:9)"}, "prompt", "from -4 to 4, not 9"),
        ("txt2img", {"negative_prompt": "(x:5)"}, "negative_prompt", "from -4 to 4, not 5"),
        (
            "txt2img",
            {"model": "swift", "loras": (Lora(name="ink"),)},
            "loras",
            "has no LoRAs",
        ),
    ],
)
def test_what_is_impossible_is_refused_in_one_sentence(
    task: str, typed: dict[str, object], option: str, words: str
) -> None:
    refused = refusal(Task(task), **typed)
    assert refused.option == option
    assert words in refused.sentence


def test_names_are_given_back_as_the_model_spells_them() -> None:
    made = resolve(sampler="EULER A", scheduler="karras", loras=(Lora(name="ink", weight=0.5),))
    assert made.sampler == "Euler a"
    assert made.scheduler == "Karras"
    assert made.loras == (Lora(name="Ink", weight=0.5),)


@pytest.mark.parametrize(
    ("typed", "sampler", "schedule"),
    [
        ({"sampler": "DPM++ 2M Karras"}, "DPM++ 2M", "Karras"),
        ({"sampler": "dpm++ 2m sde karras"}, "DPM++ 2M SDE", "Karras"),
        ({"sampler": "dpmpp_2m_sde"}, "DPM++ 2M SDE", "Automatic"),
        ({"sampler": "k_euler_ancestral"}, "Euler a", "Automatic"),
        ({"sampler": "Euler Ancestral", "scheduler": "sgm_uniform"}, "Euler a", "SGM Uniform"),
        ({"sampler": "DPM++ 2M Karras", "scheduler": "Karras"}, "DPM++ 2M", "Karras"),
        ({"sampler": "DPM++ 2M Karras", "scheduler": "Automatic"}, "DPM++ 2M", "Karras"),
        ({"scheduler": "Karras"}, "Euler a", "Karras"),
    ],
)
def test_a_sampler_may_be_named_as_people_and_programs_do(
    typed: dict[str, str], sampler: str, schedule: str
) -> None:
    made = resolve(**typed)  # type: ignore[arg-type]  # none of these is a task
    assert (made.sampler, made.scheduler) == (sampler, schedule)


def test_brackets_mean_nothing_where_a_model_reads_none() -> None:
    assert resolve(model="swift", prompt="(aspect 16:9)").prompt == "(aspect 16:9)"


def test_eta_and_clip_skip_are_kept_where_they_have_an_effect() -> None:
    made = resolve(sampler="DDIM", eta=0.5, clip_skip=2)
    assert (made.eta, made.clip_skip) == (0.5, 2)
    assert resolve(eta=0.0, clip_skip=1).clip_skip == 1


def test_exactness_is_only_for_those_who_ask() -> None:
    assert resolve(exact=True).exact
    assert not resolve().exact


def test_a_negative_prompt_is_refused_where_it_has_no_effect() -> None:
    catalog = Catalog([replace(MODEL, uses_negative_prompt=False)])
    with pytest.raises(InvalidParams, match="ignores negative prompts"):
        catalog.resolve(Draft(prompt="x", negative_prompt="y"), task=Task.TXT2IMG)


async def test_a_refresh_asks_every_backend_and_the_first_describes_a_shared_model() -> None:
    first = ScriptedBackend("one", models=[MODEL])
    again = replace(MODEL, title="Second description")
    second = ScriptedBackend("two", models=[again, OTHER])
    catalog = Catalog()
    await catalog.refresh([first, second])
    assert [(model.name, model.title) for model in catalog.models] == [
        ("dream", "Dream One"),
        ("swift", OTHER.title),
    ]
    assert catalog.find("Second description") is catalog.default
    assert catalog.backends_of("dream") == ("one", "two")
    assert catalog.backends_of("swift") == ("two",)


async def test_a_backend_that_is_down_keeps_what_it_offered_last() -> None:
    backend = ScriptedBackend("one", models=[MODEL])
    catalog = Catalog()
    await catalog.refresh([backend])
    backend.set_down("restarting")
    await catalog.refresh([backend])
    assert catalog.models == (MODEL,)


UPSCALERS = (
    ToolInfo(name="sharp", title="Sharp ×4", task=Task.UPSCALE, factor=4),
    ToolInfo(name="soft", title="Soft", task=Task.UPSCALE),
)


@pytest.mark.parametrize(("name", "found"), [(None, 0), ("SOFT", 1), ("sharp ×4", 0)])
def test_a_tool_is_found_by_name_or_title_and_the_first_is_the_default(
    name: str | None, found: int
) -> None:
    assert Catalog((MODEL,), UPSCALERS).find_tool(Task.UPSCALE, name) is UPSCALERS[found]


def test_a_tool_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(InvalidParams, match="Did you mean sharp") as caught:
        Catalog((MODEL,), UPSCALERS).find_tool(Task.UPSCALE, "shrap")
    assert caught.value.option == "method"
    with pytest.raises(InvalidParams, match="Nothing here can describe pictures"):
        Catalog((MODEL,), UPSCALERS).find_tool(Task.DESCRIBE)


async def test_a_refresh_brings_the_tools_of_every_backend() -> None:
    other = ToolInfo(name="sharp", title="Another", task=Task.UPSCALE)
    first = ScriptedBackend("first", tools=UPSCALERS)
    second = ScriptedBackend("second", tools=(other, *TEST_TOOLS))
    catalog = Catalog()
    await catalog.refresh([first, second])
    assert [tool.title for tool in catalog.tools(Task.UPSCALE)] == [
        "Sharp ×4",
        "Soft",
        "Test upscaler (no model)",
    ]
    assert [tool.name for tool in catalog.tools(Task.CUTOUT)] == ["testcutter"]
    await first.aclose()
    await second.aclose()


def test_a_tools_job_costs_what_the_finished_picture_has_of_pixels() -> None:
    made = tool_params(UPSCALERS[0], 2000, 1000)
    assert (made.task, made.model, made.final_size) == (Task.UPSCALE, "sharp", (2000, 1000))
    assert made.work() == pytest.approx(2.0)


FIXED = Catalog(
    [
        replace(
            MODEL,
            name="fixed",
            width=1024,
            height=1024,
            min_side=1024,
            max_side=1536,
            multiple_of=512,
            sizes=((1024, 1024), (1536, 1024), (1024, 1536)),
        )
    ]
)


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        ({}, (1024, 1024)),
        ({"width": 1536}, (1536, 1024)),
        ({"aspect_ratio": "16:9"}, (1536, 1024)),
        ({"aspect_ratio": "1:3"}, (1024, 1536)),
    ],
)
def test_a_model_of_few_sizes_draws_the_nearest_of_them(
    typed: dict[str, object], size: tuple[int, int]
) -> None:
    draft = Draft(**{"prompt": "a cat", **typed})  # type: ignore[arg-type]  # real fields
    made = FIXED.resolve(draft, task=Task.TXT2IMG)
    assert (made.width, made.height) == size


def test_a_size_that_a_model_of_few_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InvalidParams) as caught:
        FIXED.resolve(Draft(prompt="a cat", width=1536, height=1536), task=Task.TXT2IMG)
    assert "fixed draws 1024×1024, 1536×1024, 1024×1536, and not 1536×1536" in caught.value.sentence
