"""What members are offered of a server's models and an operator's workflows."""

from __future__ import annotations

import json

from generation.backends.base import OptionKind
from generation.backends.comfyui.object_info import ObjectInfo, read_node
from generation.backends.comfyui.offers import Menu, make_menu, needed_kinds
from generation.backends.comfyui.workflow import STARTERS, build, read_folder
from generation.types import Task
from tests.generation.backends.comfyui.graphs import default_graph, from_picture, server_with
from tests.servers.comfyui import NODES

DEFAULT = json.dumps(default_graph())
STARTED = json.dumps(from_picture())


def starters(**choices: list[str]) -> Menu:
    """The menu of what ships, on a server with these files by the name of their input."""
    nodes = dict(NODES)
    for kind, inputs in NODES.items():
        nodes[kind] = {
            name: [choices[name], {}] if name in choices else spec for name, spec in inputs.items()
        }
    return make_menu(read_folder(STARTERS).workflows, server_with(nodes))


def test_each_checkpoint_of_the_server_is_a_model_of_its_own_kind() -> None:
    offers = starters().offers
    assert {name: offer.info.width for name, offer in offers.items()} == {
        "v1-5-pruned-emaonly": 512,
        "sd_xl_base_1.0": 1024,
    }
    assert {offer.info.tasks for offer in offers.values()} == {
        frozenset({Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT})
    }


def test_what_draws_no_pictures_is_no_model() -> None:
    files = ["svd_xt.safetensors", "ltx-video-2b.safetensors", "flux1-fill-dev.safetensors"]
    assert starters(ckpt_name=files).offers == {}


def test_a_whole_checkpoint_of_flux_is_drawn_as_flux_is() -> None:
    info = starters(ckpt_name=["flux1-dev-fp8.safetensors"]).offers["flux1-dev-fp8"].info
    assert (info.guidance_scale, info.uses_negative_prompt) == (3.5, False)
    assert info.multiple_of == 16


def test_a_workflow_is_a_model_by_its_own_name_with_its_own_values() -> None:
    menu = make_menu([build("bottles", DEFAULT)], server_with())
    info = menu.offers["bottles"].info
    assert (info.width, info.height, info.steps, info.guidance_scale) == (512, 768, 20, 8.0)
    assert (info.sampler, info.scheduler) == ("Euler", "Normal")
    assert info.tasks == {Task.TXT2IMG}


def test_workflows_of_one_family_are_one_model_for_several_tasks() -> None:
    workflows = [build("bottles", DEFAULT), build("bottles.img2img", STARTED)]
    info = make_menu(workflows, server_with()).offers["bottles"].info
    assert info.tasks == {Task.TXT2IMG, Task.IMG2IMG}
    assert info.strength == 0.55
    assert info.height == 768


def test_patterns_offer_the_workflow_with_every_model_that_fits() -> None:
    workflow = build("bottles", DEFAULT, 'title = "Bottles"\nmodels = ["*"]')
    offers = make_menu([workflow], server_with()).offers
    assert [offer.info.title for offer in offers.values()] == [
        "sd_xl_base_1.0 (Bottles)",
        "v1-5-pruned-emaonly (Bottles)",
    ]
    assert offers["v1-5-pruned-emaonly"].file == "anime/v1-5-pruned-emaonly.safetensors"


def test_the_same_file_in_two_families_is_two_models() -> None:
    mapping = 'models = ["sd_xl*"]'
    workflows = [build("a", DEFAULT, mapping), build("b", DEFAULT, mapping)]
    assert list(make_menu(workflows, server_with()).offers) == [
        "sd_xl_base_1.0",
        "sd_xl_base_1.0 (b)",
    ]


def test_samplers_have_the_names_that_members_know_and_the_servers_behind_them() -> None:
    names = make_menu([build("bottles", DEFAULT)], server_with()).offers["bottles"].names
    assert names.samplers["Euler a"] == "euler_ancestral"
    assert names.samplers["DPM++ 2M SDE"] == "dpmpp_2m_sde"
    assert names.schedulers["SGM Uniform"] == "sgm_uniform"


def test_loras_are_offered_where_every_graph_has_a_seat_for_them() -> None:
    offered = make_menu([build("bottles", DEFAULT)], server_with()).offers["bottles"]
    assert [lora.name for lora in offered.info.loras] == ["detail", "ink"]
    assert offered.names.loras["ink"] == "styles/ink.safetensors"
    without = {kind: inputs for kind, inputs in NODES.items() if kind != "LoraLoader"}
    menu = make_menu([build("bottles", DEFAULT)], server_with(without))
    assert menu.offers["bottles"].info.loras == ()


def test_a_missing_node_and_a_missing_model_are_notes_for_the_operator() -> None:
    nodes = {kind: inputs for kind, inputs in NODES.items() if kind != "KSampler"}
    assert make_menu([build("a", DEFAULT)], server_with(nodes)).notes == (
        "a: the server has no node KSampler; install it there, and restart it",
    )
    nodes = dict(NODES) | {"CheckpointLoaderSimple": {"ckpt_name": [["other.safetensors"], {}]}}
    assert make_menu([build("a", DEFAULT)], server_with(nodes)).notes == (
        "a: the server has no model sd_xl_base_1.0.safetensors",
    )


def test_other_files_are_chosen_by_their_patterns_or_the_workflow_is_left_out() -> None:
    found = build("a", DEFAULT, '[files]\n"3.sampler_name" = ["ddim*", "euler"]')
    offer = make_menu([found], server_with()).offers["a"]
    assert {str(place): file for place, file in offer.settings["a"].items()} == {
        "3.sampler_name": "ddim"
    }
    lost = build("a", DEFAULT, '[files]\n"3.sampler_name" = ["heun"]')
    assert make_menu([lost], server_with()).notes == (
        "a: the server has no file heun for 3.sampler_name",
    )


def test_an_option_is_described_by_its_node() -> None:
    mapping = '[options.noise]\ninput = "3.denoise"\n[options.way]\ninput = "3.scheduler"'
    offer = make_menu([build("a", DEFAULT, mapping)], server_with()).offers["a"]
    noise, way = offer.info.options
    assert (noise.kind, noise.lowest, noise.highest, noise.default) == (
        OptionKind.NUMBER,
        0.0,
        1.0,
        1,
    )
    assert way.kind is OptionKind.CHOICE
    assert "karras" in way.choices
    assert noise.tasks == {Task.TXT2IMG}


def test_what_only_edits_is_never_the_default() -> None:
    edit = build("a", STARTED, 'task = "edit"')
    draw = build("z", DEFAULT)
    assert list(make_menu([edit, draw], server_with()).offers) == ["z", "a"]


def test_the_server_is_asked_about_the_nodes_in_use_alone() -> None:
    kinds = needed_kinds([build("a", DEFAULT)])
    assert kinds == {
        "KSampler",
        "CheckpointLoaderSimple",
        "EmptyLatentImage",
        "CLIPTextEncode",
        "VAEDecode",
        "SaveImage",
        "LoraLoader",
    }


def test_choices_are_read_in_the_old_form_and_in_the_new() -> None:
    old = read_node("A", {"A": {"input": {"required": {"x": [["a", "b"], {"tooltip": "t"}]}}}})
    new = read_node("A", {"A": {"input": {"optional": {"x": ["COMBO", {"options": ["a", "b"]}]}}}})
    assert old is not None
    assert new is not None
    assert old.inputs["x"].choices == new.inputs["x"].choices == ("a", "b")
    assert (old.inputs["x"].is_optional, new.inputs["x"].is_optional) == (False, True)
    assert read_node("Nope", {}) is None
    assert "Nope" not in ObjectInfo({})


def test_each_upscaling_model_is_a_tool_with_the_factor_that_its_name_tells() -> None:
    files = ["4x-UltraSharp.pth", "esrgan/RealESRGAN_x2plus.pth", "soft.safetensors"]
    menu = starters(model_name=files)
    assert {name: tool.info.factor for name, tool in menu.tools.items()} == {
        "4x-UltraSharp": 4.0,
        "RealESRGAN_x2plus": 2.0,
        "soft": None,
    }
    assert not set(menu.tools) & set(menu.offers)
