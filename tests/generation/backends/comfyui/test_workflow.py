"""Workflows in a folder, and the files beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation.backends.comfyui.graph import WorkflowError
from generation.backends.comfyui.mapping import Role
from generation.backends.comfyui.workflow import (
    STARTERS,
    Workflow,
    build,
    matching,
    read_folder,
)
from generation.types import Task
from tests.generation.backends.comfyui.graphs import default_graph, from_picture, node

DEFAULT = json.dumps(default_graph())


def places(workflow: Workflow, role: Role) -> list[str]:
    return [str(place) for place in workflow.map.places(role)]


def test_every_workflow_that_ships_is_understood_without_a_doubt() -> None:
    shelf = read_folder(STARTERS)
    assert shelf.problems == ()
    assert len(shelf.workflows) >= 18
    assert [each.name for each in shelf.workflows if each.map.doubts] == []
    assert {each.task for each in shelf.workflows} >= set(
        {Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT, Task.EDIT}
    )


def test_what_ships_keeps_no_picture_on_the_server() -> None:
    kinds = {
        kept.graph.kind(output)
        for kept in read_folder(STARTERS).workflows
        for output in kept.map.outputs
    }
    assert kinds == {"PreviewImage"}


def test_a_files_name_tells_the_family_and_the_task(tmp_path: Path) -> None:
    (tmp_path / "portraits.json").write_text(DEFAULT)
    (tmp_path / "portraits.img2img.json").write_text(json.dumps(from_picture()))
    (tmp_path / "portraits.toml").write_text('title = "Portraits"')
    shelf = read_folder(tmp_path)
    assert [(each.family, each.title, each.task) for each in shelf.workflows] == [
        ("portraits", "Portraits", Task.IMG2IMG),
        ("portraits", "Portraits", Task.TXT2IMG),
    ]


def test_one_broken_file_does_not_keep_the_others_from_use(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(DEFAULT)
    shelf = read_folder(tmp_path)
    assert [each.name for each in shelf.workflows] == ["b"]
    assert shelf.problems[0].startswith("a.json is not used: it is not JSON")


def test_an_empty_folder_says_where_workflows_come_from(tmp_path: Path) -> None:
    assert "Export (API)" in read_folder(tmp_path).problems[0]


def test_the_mapping_names_inputs_by_number_or_title_and_wins_over_the_guess() -> None:
    mapping = """
        [inputs]
        prompt = "Prompt.text"
        negative_prompt = []
        seed = ["3.seed"]
    """
    workflow = build("x", DEFAULT, mapping)
    assert places(workflow, Role.PROMPT) == ["6.text"]
    assert places(workflow, Role.NEGATIVE_PROMPT) == []


def test_a_graph_of_nodes_that_nobody_knows_works_with_a_mapping() -> None:
    nodes = {
        "1": node("MagicPainter", instruction="x", magic=3, width=512, height=512),
        "2": node("MagicSaver", what=["1", 0]),
    }
    mapping = """
        outputs = ["2"]
        [inputs]
        prompt = "1.instruction"
        width = "1.width"
        height = "1.height"
        [options.magic]
        input = "1.magic"
        title = "How magical"
    """
    workflow = build("magic", json.dumps(nodes), mapping)
    assert workflow.map.outputs == ("2",)
    assert [option.title for option in workflow.map.options] == ["How magical"]


def test_naming_the_count_draws_a_jobs_pictures_in_one_run() -> None:
    assert not build("x", DEFAULT).map.draws_batches
    assert build("x", DEFAULT, '[inputs]\ncount = "5.batch_size"').map.draws_batches


def test_a_mapping_of_the_family_is_read_before_that_of_the_workflow() -> None:
    family, own = 'title = "A"\nmax_side = 512', 'title = "B"'
    workflow = build("x.txt2img", DEFAULT, family, own)
    assert (workflow.title, workflow.max_side) == ("B", 512)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("[inputs", "not TOML"),
        ("colour = 3", "a key colour that means nothing"),
        ('[inputs]\npromt = "6.text"', "perhaps prompt"),
        ('[inputs]\nprompt = "text"', 'write it like "6.text"'),
        ('[inputs]\nprompt = "99.text"', "no node has the number or title 99"),
        ('[inputs]\nprompt = "6.txt"', "has no such input, but text"),
        ("[inputs]\nprompt = 6", "a text or a list of texts"),
        ('task = "draw"', "none of txt2img"),
        ('outputs = ["77"]', 'no node has the number "77"'),
        ("max_side = 3", "from 64 to 16384"),
        ("title = 4", "must be a text in quotes"),
        ("inputs = 4", "must be a section"),
        ('[options.Big]\ninput = "3.cfg"', "small letters"),
        ("[options.cfg]", 'input = "12.strength"'),
        ('task = "inpaint"', "for inpaint it needs image"),
        ("[inputs]\nprompt = []", "for txt2img it needs prompt"),
    ],
)
def test_a_mapping_that_is_wrong_says_where_and_how_it_would_be_right(
    mapping: str, words: str
) -> None:
    with pytest.raises(WorkflowError) as error:
        build("x", DEFAULT, mapping)
    assert words in str(error.value)


def test_patterns_choose_files_in_their_own_order_without_regard_to_case_or_folder() -> None:
    files = ["sub/SDXL_b.safetensors", "sd_a.safetensors", "sdxl_refiner.safetensors"]
    assert matching(files, ["sd_*", "*XL*", "!*refiner*"]) == (
        "sd_a.safetensors",
        "sub/SDXL_b.safetensors",
    )
