"""A workflow filled in for a job."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from generation.backends.comfyui.filling import Uploads, fill, takes_alpha
from generation.backends.comfyui.graph import Graph
from generation.backends.comfyui.object_info import NodeInfo, ObjectInfo, read_node
from generation.backends.comfyui.offers import Offer, make_menu
from generation.backends.comfyui.workflow import STARTERS, Workflow, build, read_folder
from generation.errors import Unavailable
from generation.types import Lora, Params, Setting, Task
from tests.generation.backends.comfyui.graphs import (
    default_graph,
    from_picture,
    node,
    server_with,
)

PARAMS = Params(
    task=Task.TXT2IMG,
    model="a",
    prompt="a red circle",
    negative_prompt="blue",
    width=640,
    height=384,
    steps=12,
    guidance_scale=5.5,
    sampler="DPM++ 2M",
    scheduler="Karras",
    seed=7,
    count=3,
)


def offer_of(*workflows: Workflow) -> Offer:
    return next(iter(make_menu(workflows, server_with()).offers.values()))


def filled(workflow: Workflow, uploads: Uploads | None = None, **changes: Any) -> Graph:
    params = replace(PARAMS, **changes)
    offer = offer_of(workflow)
    return fill(offer, params, uploads or Uploads(), seed=9, count=1, server=server_with())


def inputs(graph: Graph, name: str) -> dict[str, object]:
    return dict(graph.nodes[name].inputs)


def test_every_role_is_set_where_the_graph_has_it() -> None:
    graph = filled(build("a", json.dumps(default_graph())))
    assert inputs(graph, "3") == {
        "seed": 9,
        "steps": 12,
        "cfg": 5.5,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    assert inputs(graph, "5") == {"width": 640, "height": 384, "batch_size": 1}
    assert inputs(graph, "6")["text"] == "a red circle"
    assert inputs(graph, "7")["text"] == "blue"


def test_the_workflow_itself_stays_as_it_was() -> None:
    workflow = build("a", json.dumps(default_graph()))
    filled(workflow)
    assert workflow.graph.prompt()["6"] == {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "a bottle", "clip": ["4", 1]},
    }


def test_a_picture_and_its_strength_are_put_in() -> None:
    workflow = build("a", json.dumps(from_picture()))
    graph = filled(workflow, Uploads(pictures=("easel/x.png",)), task=Task.IMG2IMG, strength=0.3)
    assert inputs(graph, "10")["image"] == "easel/x.png"
    assert inputs(graph, "3")["denoise"] == 0.3


def test_a_mask_is_read_from_its_greys_whatever_the_file_says() -> None:
    nodes = from_picture()
    nodes["11"] = node("LoadImageMask", image="mask.png", channel="alpha")
    nodes["12"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["11", 0])
    nodes["3"]["inputs"]["latent_image"] = ["12", 0]
    uploads = Uploads(pictures=("easel/x.png",), mask="easel/m.png")
    workflow = build("a", json.dumps(nodes))
    graph = filled(workflow, uploads, task=Task.INPAINT, strength=0.5)
    assert inputs(graph, "11") == {"image": "easel/m.png", "channel": "red"}
    assert not takes_alpha(workflow)


def test_a_mask_from_a_loaded_pictures_second_output_is_its_transparency() -> None:
    nodes = from_picture()
    nodes["12"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["10", 1])
    nodes["3"]["inputs"]["latent_image"] = ["12", 0]
    assert takes_alpha(build("a", json.dumps(nodes)))


def test_loras_are_chained_between_the_loaders_and_what_uses_them() -> None:
    workflow = build("a", json.dumps(default_graph()))
    graph = filled(workflow, loras=(Lora(name="ink", weight=0.5), Lora(name="detail")))
    assert inputs(graph, "lora-1") == {
        "lora_name": "styles/ink.safetensors",
        "strength_model": 0.5,
        "strength_clip": 0.5,
        "model": ["4", 0],
        "clip": ["4", 1],
    }
    assert inputs(graph, "lora-2")["model"] == ["lora-1", 0]
    assert inputs(graph, "3")["model"] == ["lora-2", 0]
    assert inputs(graph, "6")["clip"] == ["lora-2", 1]
    assert inputs(graph, "8")["vae"] == ["4", 2]


def test_an_option_is_set_in_its_place() -> None:
    workflow = build("a", json.dumps(default_graph()), '[options.noise]\ninput = "3.denoise"')
    graph = filled(workflow, options=(Setting(name="noise", value=0.9),))
    assert inputs(graph, "3")["denoise"] == 0.9


def test_the_chosen_model_is_loaded() -> None:
    workflow = build("a", json.dumps(default_graph()), 'models = ["anime/*"]')
    assert inputs(filled(workflow), "4")["ckpt_name"] == "anime/v1-5-pruned-emaonly.safetensors"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler": "Unknown"}, "no sampler Unknown"),
        ({"scheduler": "Unknown"}, "no schedule Unknown"),
        ({"loras": (Lora(name="gone"),)}, "no LoRA gone"),
        ({"task": Task.INPAINT}, "no workflow for inpaint"),
    ],
)
def test_what_the_server_does_not_have_any_more_is_unavailable(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unavailable) as error:
        filled(build("a", json.dumps(default_graph())), **changes)
    assert words in str(error.value.detail)


def test_an_edits_pictures_fill_their_places_and_the_rest_is_unplugged() -> None:
    starter = next(w for w in read_folder(STARTERS).workflows if w.name == "qwen-image-edit.edit")
    graph = fill(
        _alone(starter),
        replace(PARAMS, task=Task.EDIT),
        Uploads(pictures=("easel/one.png",)),
        seed=1,
        count=1,
        server=_optional_pictures(),
    )
    assert inputs(graph, "21")["image"] == "easel/one.png"
    assert set(inputs(graph, "2")) == {"prompt", "clip", "vae", "image1"}


def test_where_a_picture_cannot_be_unplugged_the_last_one_is_shown_again() -> None:
    starter = next(w for w in read_folder(STARTERS).workflows if w.name == "qwen-image-edit.edit")
    graph = fill(
        _alone(starter),
        replace(PARAMS, task=Task.EDIT),
        Uploads(pictures=("easel/one.png", "easel/two.png")),
        seed=1,
        count=1,
        server=ObjectInfo({}),
    )
    assert inputs(graph, "23")["image"] == "easel/two.png"
    assert "image3" in inputs(graph, "2")


def _optional_pictures() -> ObjectInfo:
    kind = "TextEncodeQwenImageEditPlus"
    pictures = {f"image{number}": ["IMAGE", {}] for number in (1, 2, 3)}
    info = read_node(kind, {kind: {"input": {"optional": pictures}}})
    assert isinstance(info, NodeInfo)
    return ObjectInfo({kind: info})


def _alone(workflow: Workflow) -> Offer:
    """An offer of that workflow, on a server with the default graph's nodes."""
    base = offer_of(build("a", json.dumps(default_graph())))
    return replace(base, workflows={workflow.task: workflow})
