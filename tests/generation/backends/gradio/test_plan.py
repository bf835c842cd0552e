"""Which function does what, and which input is for what: by its author's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.gradio.app import App, Component, Endpoint, Kind
from generation.backends.gradio.plan import make_plans
from generation.backends.gradio.roles import Role, find_roles, plain
from generation.errors import Unavailable
from generation.types import Task
from tests.generation.backends.gradio.recordings import ALL_SHAPES, VERSIONS, app_of

USUAL = {
    Role.PROMPT: 0,
    Role.NEGATIVE_PROMPT: 1,
    Role.GUIDANCE: 2,
    Role.STEPS: 3,
    Role.WIDTH: 4,
    Role.HEIGHT: 5,
    Role.SEED: 6,
}
PICTURE = Component(kind=Kind.PICTURE, type="image")


def component(kind: Kind = Kind.TEXT, **fields: object) -> Component:
    return replace(Component(kind=kind, type=kind.value), **fields)  # type: ignore[arg-type]


def app(*endpoints: tuple[str, list[Component]]) -> App:
    return App(
        version="6.0.0",
        title="",
        protocol="sse_v3",
        prefix="",
        endpoints=tuple(
            Endpoint(number=number, name=name, inputs=tuple(inputs), outputs=(PICTURE,))
            for number, (name, inputs) in enumerate(endpoints)
        ),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_usual_space_is_understood_by_its_address_alone(version: str) -> None:
    plans = make_plans(app_of(version, "space"), None, {})
    assert list(plans) == [Task.TXT2IMG, Task.IMG2IMG]
    assert dict(plans[Task.TXT2IMG].places) == USUAL
    assert dict(plans[Task.IMG2IMG].places) == USUAL | {Role.IMAGE: 8, Role.STRENGTH: 9}
    (prefix,) = plans[Task.TXT2IMG].others().values()
    assert prefix.kind is Kind.SWITCH


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_the_template_of_spaces_is_understood_with_its_switches(version: str) -> None:
    plan = make_plans(app_of(version, "template"), None, {})[Task.TXT2IMG]
    assert set(plan.places) == {*USUAL, Role.USE_NEGATIVE, Role.RANDOMIZE}
    assert plan.others() == {}


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_one_function_for_words_and_pictures_does_both(version: str) -> None:
    plans = make_plans(app_of(version, "single"), None, {})
    assert list(plans) == [Task.TXT2IMG, Task.IMG2IMG]
    assert plans[Task.TXT2IMG] is plans[Task.IMG2IMG]


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_models_samplers_and_counts_are_found_by_their_labels(version: str) -> None:
    plan = make_plans(app_of(version, "gallery"), None, {})[Task.TXT2IMG]
    assert set(plan.places) == {Role.PROMPT, Role.MODEL, Role.SAMPLER, Role.COUNT}
    assert [each.label for each in plan.others().values()] == ["Style", "Upscale the result"]


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_a_picture_with_a_mask_painted_on_is_for_inpainting(version: str) -> None:
    assert list(make_plans(app_of(version, "inpaint"), None, {})) == [Task.INPAINT]


@pytest.mark.parametrize(
    ("words", "kind", "role"),
    [
        ("Enter your prompt", Kind.TEXT, Role.PROMPT),
        ("instruction", Kind.TEXT, Role.PROMPT),
        ("neg_prompt", Kind.TEXT, Role.NEGATIVE_PROMPT),
        ("Negative Prompt", Kind.TEXT, Role.NEGATIVE_PROMPT),
        ("cfg_scale", Kind.NUMBER, Role.GUIDANCE),
        ("true_guidance_scale", Kind.NUMBER, Role.GUIDANCE),
        ("Guidance Scale (CFG)", Kind.NUMBER, Role.GUIDANCE),
        ("num_inference_steps", Kind.NUMBER, Role.STEPS),
        ("Number of inference steps", Kind.NUMBER, Role.STEPS),
        ("Sampling steps", Kind.NUMBER, Role.STEPS),
        ("Seed (0 = random)", Kind.NUMBER, Role.SEED),
        ("imageWidth", Kind.NUMBER, Role.WIDTH),
        ("Randomize seed", Kind.SWITCH, Role.RANDOMIZE),
        ("use_negative_prompt", Kind.SWITCH, Role.USE_NEGATIVE),
        ("init_image", Kind.PICTURE, Role.IMAGE),
        ("Upload an image to edit", Kind.PICTURE, Role.IMAGE),
        ("images", Kind.PICTURES, Role.IMAGE),
        ("mask_image", Kind.PICTURE, Role.MASK),
        ("Transform strength", Kind.NUMBER, Role.STRENGTH),
        ("denoising_strength", Kind.NUMBER, Role.STRENGTH),
        ("sampler_name", Kind.CHOICE, Role.SAMPLER),
        ("Sampling method", Kind.CHOICE, Role.SAMPLER),
        ("base_model", Kind.CHOICE, Role.MODEL),
        ("num_images_per_prompt", Kind.NUMBER, Role.COUNT),
        ("Batch size", Kind.NUMBER, Role.COUNT),
    ],
)
def test_an_input_is_known_by_its_parameter_or_its_label(
    words: str, kind: Kind, role: Role
) -> None:
    other = component(name="something else", label="Something else")
    for field in ("name", "label"):
        found = find_roles([other, other, component(kind, **{field: words})])
        assert found.get(role) == 2


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("style_strength", Kind.NUMBER),
        ("lora_scale", Kind.NUMBER),
        ("upscale steps factor", Kind.NUMBER),
        ("Prefix styling tokens automatically", Kind.SWITCH),
        ("Model strength", Kind.NUMBER),
        ("Aspect ratio", Kind.CHOICE),
    ],
)
def test_what_is_only_near_to_it_is_not_taken_for_it(words: str, kind: Kind) -> None:
    assert find_roles([component(kind, label=words)]) == {}


def test_a_parameter_counts_more_than_a_label_and_a_label_more_than_a_hint() -> None:
    inputs = [
        component(label="Prompt", hint="Enter prompt"),
        component(label="Words", name="prompt"),
        component(hint="What to exclude from the picture"),
    ]
    assert find_roles(inputs) == {Role.PROMPT: 1, Role.NEGATIVE_PROMPT: 2}


def test_the_only_text_box_is_the_prompt_whatever_it_is_called() -> None:
    assert find_roles([component(label="Dream")]) == {Role.PROMPT: 0}
    assert find_roles([component(label="Dream"), component(label="Wish")]) == {}


def test_a_scheduler_without_a_sampler_is_what_others_call_the_sampler() -> None:
    scheduler = component(Kind.CHOICE, label="Scheduler")
    assert find_roles([scheduler]) == {Role.SAMPLER: 0}
    both = find_roles([scheduler, component(Kind.CHOICE, label="Sampler")])
    assert both == {Role.SCHEDULER: 0, Role.SAMPLER: 1}


def test_an_image_without_a_strength_is_edited() -> None:
    plans = make_plans(app(("edit", [component(label="Prompt"), PICTURE])), None, {})
    assert list(plans) == [Task.EDIT]


def test_of_two_functions_for_a_task_the_one_that_takes_more_is_chosen() -> None:
    bare = [component(label="Prompt")]
    full = [*bare, component(Kind.NUMBER, label="Seed")]
    plans = make_plans(app(("bare", bare), ("full", full), ("again", full)), None, {})
    assert plans[Task.TXT2IMG].endpoint.name == "full"


@pytest.mark.parametrize("written", ["bare", "/bare", "#0"])
def test_the_operator_may_name_the_function(written: str) -> None:
    bare = [component(label="Prompt")]
    named = app(("bare", bare), ("full", [*bare, component(Kind.NUMBER, label="Seed")]))
    if written == "#0":
        first, *rest = named.endpoints
        named = replace(named, endpoints=(replace(first, name=""), *rest))
    assert make_plans(named, written, {})[Task.TXT2IMG].endpoint.number == 0


@pytest.mark.parametrize("reference", ["zaubern", "Wish!", "2"])
def test_the_operator_may_say_where_a_role_goes(reference: str) -> None:
    inputs = [component(label="Name"), component(label="wish", name="zaubern")]
    plans = make_plans(app(("draw", inputs)), None, {"prompt": reference})
    assert plans[Task.TXT2IMG].places == {Role.PROMPT: 1}


def test_the_operator_may_leave_a_role_out() -> None:
    inputs = [component(label="Prompt"), component(Kind.NUMBER, label="Seed")]
    plan = make_plans(app(("draw", inputs)), None, {"seed": ""})[Task.TXT2IMG]
    assert plan.places == {Role.PROMPT: 0}
    assert list(plan.others()) == [1]


@pytest.mark.parametrize(
    ("endpoint", "wanted", "words"),
    [
        (None, {"sed": "x"}, 'map has no key "sed"; it has prompt, negative_prompt'),
        (None, {"seed": "Glück"}, 'map.seed = "Glück" fits no input; these would do: Number'),
        (None, {"seed": "Name"}, "these would do: Number"),
        ("paint", {}, 'The app has no function "paint"; it has draw.'),
        (None, {}, 'No input of draw is known as the prompt\'s: write map.prompt = "…"'),
    ],
)
def test_what_cannot_be_mapped_is_said_with_what_to_write(
    endpoint: str | None, wanted: dict[str, str], words: str
) -> None:
    inputs = [
        component(label="Name"),
        component(label="Wish"),
        component(Kind.NUMBER, label="Number"),
    ]
    with pytest.raises(Unavailable) as caught:
        make_plans(app(("draw", inputs)), endpoint, wanted)
    assert words in (caught.value.detail or "")


def test_an_app_without_pictures_is_told_by_its_functions() -> None:
    words = app(("turn", [component(label="Prompt")]))
    silent = replace(words, endpoints=(replace(words.endpoints[0], outputs=(component(),)),))
    with pytest.raises(Unavailable, match="No function of this app gives a picture; it has turn"):
        make_plans(silent, None, {})
    with pytest.raises(Unavailable, match="No picture comes out of"):
        make_plans(silent, "turn", {})


def test_words_are_compared_plainly() -> None:
    assert plain("Seed (0 = random)") == "seed 0 random"
    assert plain("imageWidth_px") == "image width px"
