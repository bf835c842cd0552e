"""What the inputs of a graph are for is told from the graph, where it is plain."""

from __future__ import annotations

import pytest

from generation.backends.comfyui.graph import Graph, WorkflowError
from generation.backends.comfyui.guess import guess, lora_seat
from generation.backends.comfyui.mapping import Role
from generation.backends.comfyui.workflow import STARTERS, read_folder
from generation.types import Task
from tests.generation.backends.comfyui.graphs import (
    Nodes,
    custom_sampler,
    default_graph,
    from_picture,
    graph_of,
    node,
)


def roles(nodes: Nodes) -> dict[str, list[str]]:
    found = guess(graph_of(nodes)).roles
    return {role.value: [str(place) for place in places] for role, places in found.items()}


def test_the_graph_that_comfyui_opens_with_is_understood_whole() -> None:
    found = guess(graph_of(default_graph()))
    assert roles(default_graph()) == {
        "prompt": ["6.text"],
        "negative_prompt": ["7.text"],
        "seed": ["3.seed"],
        "guidance_scale": ["3.cfg"],
        "sampler": ["3.sampler_name"],
        "scheduler": ["3.scheduler"],
        "steps": ["3.steps"],
        "strength": ["3.denoise"],
        "width": ["5.width"],
        "height": ["5.height"],
        "count": ["5.batch_size"],
        "model": ["4.ckpt_name"],
    }
    assert (found.task, found.outputs, found.samplers) == (Task.TXT2IMG, ("9",), ("3",))
    assert found.keeps_size
    assert found.doubts == ()


def test_a_sampler_in_parts_is_followed_through_its_guider_and_its_noise() -> None:
    found = roles(custom_sampler())
    assert found["prompt"] == ["6.text"]
    assert found["seed"] == ["25.noise_seed"]
    assert found["steps"] == ["17.steps"]
    assert found["sampler"] == ["16.sampler_name"]
    assert found["scheduler"] == ["17.scheduler"]
    assert found["model"] == ["12.unet_name"]
    assert "negative_prompt" not in found


def test_the_guidance_that_flux_is_told_is_the_guidance() -> None:
    assert roles(custom_sampler())["guidance_scale"] == ["26.guidance"]


def test_a_size_that_other_nodes_repeat_is_set_in_all_of_them() -> None:
    assert sorted(roles(custom_sampler())["width"]) == ["30.width", "5.width"]


def test_a_picture_that_becomes_the_latent_is_started_from() -> None:
    found = guess(graph_of(from_picture()))
    assert found.task is Task.IMG2IMG
    assert [str(place) for place in found.places(Role.IMAGE)] == ["10.image"]
    assert found.places(Role.WIDTH) == ()


def test_a_mask_makes_it_inpainting() -> None:
    nodes = from_picture()
    nodes["11"] = node("LoadImageMask", image="mask.png", channel="red")
    nodes["12"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["11", 0])
    nodes["3"]["inputs"]["latent_image"] = ["12", 0]
    found = guess(graph_of(nodes))
    assert found.task is Task.INPAINT
    assert [str(place) for place in found.places(Role.MASK)] == ["11.image"]
    assert [str(place) for place in found.places(Role.IMAGE)] == ["10.image"]


def test_a_node_that_takes_both_sides_keeps_them_apart() -> None:
    nodes = from_picture()
    nodes["12"] = node(
        "InpaintModelConditioning",
        positive=["6", 0],
        negative=["7", 0],
        vae=["4", 2],
        pixels=["10", 0],
        mask=["10", 1],
        noise_mask=True,
    )
    nodes["3"]["inputs"] |= {
        "positive": ["12", 0],
        "negative": ["12", 1],
        "latent_image": ["12", 2],
    }
    found = roles(nodes)
    assert found["prompt"] == ["6.text"]
    assert found["negative_prompt"] == ["7.text"]
    assert found["mask"] == found["image"] == ["10.image"]


def test_a_text_that_is_plugged_in_is_set_where_it_is_written() -> None:
    nodes = default_graph()
    nodes["20"] = node("PrimitiveStringMultiline", value="a bottle")
    nodes["6"]["inputs"]["text"] = ["20", 0]
    assert roles(nodes)["prompt"] == ["20.value"]


def test_both_texts_of_sdxls_own_encoder_are_the_prompt() -> None:
    nodes = default_graph()
    nodes["6"] = node("CLIPTextEncodeSDXL", text_g="a", text_l="a", clip=["4", 1])
    assert roles(nodes)["prompt"] == ["6.text_g", "6.text_l"]


def test_several_texts_that_are_combined_are_a_doubt_and_no_guess() -> None:
    nodes = default_graph()
    nodes["20"] = node("CLIPTextEncode", text="more", clip=["4", 1])
    nodes["21"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["20", 0])
    nodes["3"]["inputs"]["positive"] = ["21", 0]
    found = guess(graph_of(nodes))
    assert found.places(Role.PROMPT) == ()
    assert "the prompt could not be followed" in found.doubts[0]


def test_without_guidance_there_is_no_negative_prompt() -> None:
    nodes = default_graph()
    nodes["3"]["inputs"]["cfg"] = 1.0
    found = roles(nodes)
    assert "guidance_scale" not in found
    assert "negative_prompt" not in found


def test_a_second_pass_shares_the_seed_and_leaves_the_steps_to_the_first() -> None:
    nodes = default_graph()
    nodes["20"] = node("LatentUpscaleBy", samples=["3", 0], upscale_method="bislerp", scale_by=1.5)
    nodes["21"] = node("KSampler") | {
        "inputs": nodes["3"]["inputs"] | {"latent_image": ["20", 0], "denoise": 0.5}
    }
    nodes["8"]["inputs"]["samples"] = ["21", 0]
    found = guess(graph_of(nodes))
    assert {str(place) for place in found.places(Role.SEED)} == {"3.seed", "21.seed"}
    assert [str(place) for place in found.places(Role.STEPS)] == ["3.steps"]
    assert set(found.samplers) == {"3", "21"}
    assert not found.keeps_size


def test_half_a_run_keeps_its_steps() -> None:
    nodes = default_graph()
    inputs = nodes["3"]["inputs"] | {"start_at_step": 0, "end_at_step": 15, "noise_seed": 1}
    del inputs["seed"], inputs["denoise"]
    nodes["3"] = node("KSamplerAdvanced", **inputs)
    found = roles(nodes)
    assert "steps" not in found
    assert found["seed"] == ["3.noise_seed"]


def test_an_edit_works_on_the_pictures_that_its_encoder_looks_at_in_their_order() -> None:
    shelf = read_folder(STARTERS)
    edit = next(each for each in shelf.workflows if each.name == "qwen-image-edit.edit")
    assert edit.task is Task.EDIT
    assert [str(place) for place in edit.map.places(Role.IMAGE)] == [
        "21.image",
        "22.image",
        "23.image",
    ]


def test_a_preview_is_the_result_only_where_nothing_is_saved() -> None:
    nodes = default_graph()
    nodes["20"] = node("PreviewImage", images=["8", 0])
    assert guess(graph_of(nodes)).outputs == ("9",)
    del nodes["9"]
    assert guess(graph_of(nodes)).outputs == ("20",)


def test_loras_sit_right_behind_the_loaders() -> None:
    graph = graph_of(custom_sampler())
    seat = lora_seat(graph, guess(graph))
    assert seat is not None
    assert [(link.node, link.output) for link in seat] == [("12", 0), ("11", 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ("[]", "it holds no nodes"),
        ('{"nodes": [], "links": []}', "Export (API)"),
        ('{"1": {"inputs": {}}}', "node 1 has no class_type"),
        ('{"1": {"class_type": "A", "inputs": {"x": ["7", 0]}}}', "node 7, which is missing"),
    ],
)
def test_a_file_that_is_no_workflow_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(WorkflowError) as error:
        Graph.read(text)
    assert words in str(error.value)


def test_a_graph_in_the_form_that_is_posted_is_one_too() -> None:
    graph = Graph.read('{"prompt": {"1": {"class_type": "A", "inputs": {}}}, "client_id": "x"}')
    assert graph.kind("1") == "A"
