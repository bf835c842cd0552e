"""Calls of several jobs as one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

from generation.worker.joining import (
    CannotJoinError,
    Contents,
    describe,
    is_alike,
    join,
    repeat,
    split,
)


def call(rows: int = 1, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "sample": torch.randn(rows, 4, 8, 8),
        "timestep": torch.tensor(7.0),
        "encoder_hidden_states": torch.randn(rows, 77, 32),
        "timestep_cond": None,
        "return_dict": False,
    }
    return {**usual, **changes}


def key(arguments: dict[str, Any]) -> object:
    return describe(arguments, Contents()).key


def joined(*calls: dict[str, Any]) -> dict[str, Any]:
    assert len({key(one) for one in calls}) == 1
    return join(calls, [describe(one, Contents()).rows for one in calls])


def test_rows_follow_each_other_and_every_row_has_its_own_time() -> None:
    one, two = call(1), call(2, timestep=torch.tensor(3.0))
    both = joined(one, two)
    assert both["sample"].shape == (3, 4, 8, 8)
    assert torch.equal(both["sample"], torch.cat([one["sample"], two["sample"]]))
    assert both["timestep"].tolist() == [7.0, 3.0, 3.0]
    assert both["timestep_cond"] is None
    assert both["return_dict"] is False


@pytest.mark.parametrize(
    "moment", [3, 3.0, torch.tensor(3), torch.tensor(3.0), torch.tensor([3]), torch.tensor([3, 3])]
)
def test_a_time_may_come_in_any_form(moment: object) -> None:
    both = joined(call(2, timestep=moment), call(1))
    assert both["timestep"].tolist() == [3.0, 3.0, 7.0]
    assert both["timestep"].dtype == torch.float32


def test_a_vector_of_times_keeps_its_precision() -> None:
    half = torch.tensor([0.5], dtype=torch.bfloat16)
    assert joined(call(timestep=half), call(timestep=half))["timestep"].dtype == torch.bfloat16
    assert key(call(timestep=half)) != key(call())


@pytest.mark.parametrize(
    "changes",
    [
        {"sample": torch.zeros(1, 4, 8, 16)},
        {"sample": torch.zeros(1, 4, 8, 8, dtype=torch.bfloat16)},
        {"encoder_hidden_states": torch.zeros(1, 154, 32)},
        {"encoder_hidden_states": None},
        {"timestep_cond": torch.zeros(1, 256)},
        {"return_dict": True},
        {"attention_mask": None},
        {"cross_attention_kwargs": {"scale": 0.5}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_calls_of_another_shape_stay_apart(changes: dict[str, Any]) -> None:
    assert key(call(**changes)) != key(call())


def test_nested_conditions_are_joined_name_by_name() -> None:
    def nested(rows: int) -> dict[str, Any]:
        conditions = {"text_embeds": torch.randn(rows, 16), "time_ids": torch.randn(rows, 6)}
        return call(rows, added_cond_kwargs=conditions, residuals=(torch.randn(rows, 4),))

    one, two = nested(2), nested(1)
    both = joined(one, two)
    assert both["added_cond_kwargs"]["text_embeds"].shape == (3, 16)
    assert torch.equal(
        both["added_cond_kwargs"]["time_ids"][2:], two["added_cond_kwargs"]["time_ids"]
    )
    assert torch.equal(both["residuals"][0], torch.cat([one["residuals"][0], two["residuals"][0]]))


def test_positions_without_rows_are_passed_once_and_only_if_they_are_the_same() -> None:
    positions = torch.arange(48.0).reshape(16, 3)
    one, two = (call(img_ids=positions.clone(), guidance=torch.full((1,), 3.5)) for _ in range(2))
    both = joined(one, two)
    assert torch.equal(both["img_ids"], positions)
    assert both["guidance"].tolist() == [3.5, 3.5]
    assert key(call(img_ids=positions + 1, guidance=torch.ones(1))) != key(one)


def test_positions_that_have_rows_must_still_be_the_same_for_all() -> None:
    positions = torch.arange(64.0).reshape(1, 16, 4)
    one, two = call(img_ids=positions), call(2, img_ids=positions.repeat(2, 1, 1))
    assert joined(one, two)["img_ids"].shape == (3, 16, 4)
    assert key(call(img_ids=positions * 2)) != key(one)
    differing = torch.cat([positions, positions * 2])
    with pytest.raises(CannotJoinError):
        key(call(2, img_ids=differing))


def test_lists_of_pictures_follow_each_other_whatever_the_length_of_their_texts() -> None:
    def listed(rows: int, tokens: int, side: int = 8) -> dict[str, Any]:
        return {
            "x": [torch.randn(16, 1, side, side) for _ in range(rows)],
            "t": torch.full((rows,), 0.5),
            "cap_feats": [torch.randn(tokens, 32) for _ in range(rows)],
        }

    both = joined(listed(1, 10), listed(2, 33))
    assert [len(both[name]) for name in ("x", "t", "cap_feats")] == [3, 3, 3]
    assert key(listed(1, 10, side=16)) != key(listed(1, 10))


def test_one_shape_for_each_row_must_be_the_same_for_all() -> None:
    def shaped(rows: int, height: int) -> dict[str, Any]:
        return call(rows, img_shapes=[[(1, height, 512 // height)]] * rows)

    assert joined(shaped(1, 16), shaped(2, 16))["img_shapes"] == [[(1, 16, 32)]] * 3
    assert key(shaped(1, 16)) != key(shaped(1, 32))


@pytest.mark.parametrize("arguments", [{}, {"sample": 3}, {"sample": torch.ones(())}])
def test_a_call_without_rows_is_not_joined(arguments: dict[str, Any]) -> None:
    with pytest.raises(CannotJoinError, match="no rows"):
        key(arguments)


def test_a_call_with_an_unknown_kind_of_argument_is_not_joined() -> None:
    with pytest.raises(CannotJoinError, match="kv_cache is of type object"):
        key(call(kv_cache=object()))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensor: tensor,
        lambda tensor: (tensor,),
        list,
        lambda tensor: UNet2DConditionOutput(sample=tensor),
    ],
    ids=["tensor", "tuple", "list", "output"],
)
def test_an_answer_is_taken_apart_in_the_form_it_had(wrap: Any) -> None:
    answer = torch.randn(3, 4)
    one, two = split(wrap(answer), [1, 2])
    assert type(one) is type(wrap(answer))

    def flat(part: Any) -> torch.Tensor:
        if isinstance(part, list):
            return torch.stack(part)
        return torch.as_tensor(part if isinstance(part, torch.Tensor) else part[0])

    assert torch.equal(flat(one), answer[:1])
    assert torch.equal(flat(two), answer[1:])


def test_a_part_of_an_answer_does_not_keep_the_others_alive() -> None:
    answer = torch.randn(2, 4)
    for part in (*split(answer, [1, 1]), *split([*answer], [1, 1])):
        own = part[0] if isinstance(part, list) else part
        assert own.untyped_storage().nbytes() == 16


@pytest.mark.parametrize("answer", [torch.ones(2, 4), torch.ones(()), "words", [torch.ones(1)]])
def test_an_answer_with_other_rows_is_refused(answer: object) -> None:
    with pytest.raises(CannotJoinError):
        split(answer, [1, 2])


def test_a_call_can_be_repeated_for_measuring() -> None:
    many = repeat(call(2), 4)
    assert many["sample"].shape[0] == many["timestep"].shape[0] == 8


def test_what_a_tensor_holds_is_read_anew_once_it_was_changed() -> None:
    contents, tensor = Contents(), torch.zeros(4)
    before = contents.digest(tensor)
    assert contents.digest(tensor) == before
    tensor += 1
    assert contents.digest(tensor) != before
    assert contents.digest(tensor) == contents.digest(torch.ones(4))


def test_states_of_several_layers_have_their_rows_second() -> None:
    def layered(rows: int) -> dict[str, Any]:
        return call(rows, encoder_hidden_states_llama3=torch.randn(2, rows, 16, 8))

    one, two = layered(2), layered(2)
    both = joined(one, two)["encoder_hidden_states_llama3"]
    assert torch.equal(both[:, 2:], two["encoder_hidden_states_llama3"])


def test_lists_of_positions_are_passed_once() -> None:
    positions = [torch.arange(1), torch.arange(4)]
    one, two = (call(visual_rope_pos=list(positions)) for _ in range(2))
    assert [len(each) for each in joined(one, two)["visual_rope_pos"]] == [1, 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_answers_are_alike_when_only_rounding_sets_them_apart(dtype: torch.dtype) -> None:
    answer = torch.randn(2, 100).to(dtype)
    rounded = answer + answer.abs().max() * torch.finfo(dtype).eps
    for wrap in (lambda x: x, lambda x: (x,), lambda x: [x], UNet2DConditionOutput):
        assert is_alike(wrap(answer), wrap(rounded))
        assert not is_alike(wrap(answer), wrap(answer * 1.1))
        assert not is_alike(wrap(answer), wrap(answer.flip(0)))
