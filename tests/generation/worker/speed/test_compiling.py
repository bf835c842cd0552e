"""Compiled blocks: made in the background, checked, used where they fit, and never in the way."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._inductor.loop_body import InterpreterShim

from generation import demo_model
from generation.bench.jobs import new_work
from generation.types import Lora
from generation.worker.bench.bare import Bare
from generation.worker.bench.flops import tflop_per_step
from generation.worker.gatherer import Gatherer
from generation.worker.settings import LocalModel, Speed
from generation.worker.speed.attempts import MOST_UNFINISHED
from tests.generation.worker.speed.conftest import Backend, Model, Open

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

STEPS = 2
SIZES = [(64, 64, 1), (64, 64, 3), (128, 64, 2), (96, 160, 1)]


@pytest.mark.parametrize("architecture", ["sd15", "flux", "sd3"])
def test_one_set_of_programs_serves_all_sizes_and_batches(
    load: Open, backend: Backend, architecture: str
) -> None:
    model = load(architecture)
    plain = [model.draw(width=w, height=h, count=n) for w, h, n in SIZES]
    assert backend.ran == 0
    model.compile()
    made = backend.made
    assert [text.partition(" ")[0] for text in model.said] == ["compiled"]
    for (width, height, count), before in zip(SIZES, plain, strict=True):
        backend.ran = 0
        picture = model.draw(width=width, height=height, count=count)
        assert backend.ran == STEPS * model.blocks
        assert torch.equal(picture, before)
    assert backend.made == made


def test_jobs_go_on_while_a_block_is_compiled(load: Open, backend: Backend) -> None:
    model = load("sd15")
    before = model.draw()
    backend.may_make.clear()
    model.loaded.speed.after_job()
    assert backend.begun.wait(60)
    assert torch.equal(model.draw(), before)
    model.loaded.speed.after_job()
    assert (backend.made, backend.ran, model.said) == (0, 0, [])
    backend.may_make.set()
    model.await_compiled()
    backend.ran = 0
    assert torch.equal(model.draw(), before)
    assert backend.ran == STEPS * model.blocks


def test_what_cannot_be_made_beside_a_job_is_made_at_the_load(load: Open) -> None:
    InterpreterShim._dummy_gm.cache_clear()
    load("sd15")
    assert InterpreterShim._dummy_gm.cache_info().currsize == 1


def test_what_blocks_meet_later_is_compiled_after_the_job_that_met_it(
    load: Open, backend: Backend
) -> None:
    model = load("flux-schnell")
    model.draw()
    model.compile()
    made, backend.ran = backend.made, 0
    unmet = model.draw(count=2)
    assert backend.ran < STEPS * model.blocks
    assert backend.made == made  # not while a member waits
    model.compile()
    assert backend.made > made
    backend.ran = 0
    assert torch.equal(model.draw(count=2), unmet)
    assert backend.ran == STEPS * model.blocks


def test_exact_repetitions_run_as_the_first_picture_did(load: Open, backend: Backend) -> None:
    model = load("sd15")
    model.draw()
    model.compile()
    backend.ran = 0
    model.draw(exact=True)
    assert backend.ran == 0
    model.draw()
    assert backend.ran == STEPS * model.blocks


def test_a_compiler_that_fails_costs_no_job(load: Open, backend: Backend) -> None:
    model = load("sd15")
    before = model.draw()

    def fail(_graph: Any, _args: object) -> Any:
        raise ZeroDivisionError("no compiler")

    backend.run = fail
    model.compile()
    assert model.said == [
        "compiling failed, so it runs as it is: ZeroDivisionError: no compiler",
    ]
    backend.ran = 0
    assert torch.equal(model.draw(), before)
    model.compile()
    assert backend.ran == 0
    assert len(model.said) == 1


@pytest.mark.parametrize("wrong", [lambda x: x * 1.1, lambda x: x * torch.nan])
def test_a_program_with_other_answers_is_never_used(
    load: Open, backend: Backend, wrong: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    model = load("sd15")
    before = model.draw()
    backend.run = lambda graph, args: tuple(wrong(each) for each in graph(*args))
    model.compile()
    (text,) = model.said
    assert text.startswith("compiling failed, so it runs as it is: ArithmeticError: a program's")
    assert torch.equal(model.draw(), before)


def test_a_program_that_fails_on_the_device_costs_no_job(load: Open, backend: Backend) -> None:
    model = load("sd15")
    before = model.draw()
    model.compile()
    model.said.clear()

    def fail(_graph: Any, _args: object) -> Any:
        raise RuntimeError("unspecified launch failure")

    backend.run = fail
    assert torch.equal(model.draw(), before)
    (text,) = model.said
    assert text.startswith("a compiled block failed, so it runs as it is from now on: Runtime")
    backend.ran = 0
    assert torch.equal(model.draw(), before)
    assert backend.ran == 0


def test_a_program_without_room_is_told_to_the_job_like_any_other_call(
    load: Open, backend: Backend
) -> None:
    model = load("sd15")
    before = model.draw()
    model.compile()
    failures = iter([torch.OutOfMemoryError("no room")])

    def fail_once(graph: Any, args: tuple[Any, ...]) -> Any:
        for failure in failures:
            raise failure
        return graph(*args)

    backend.run = fail_once
    assert torch.equal(model.draw(count=2), before)  # one at a time, then
    assert model.said[1:] == []


def test_a_lora_runs_plain_and_the_bare_model_is_compiled_anew_after_it(
    device: Gatherer, backend: Backend
) -> None:
    demo = LocalModel(
        name="demo",
        title="Demo",
        path=demo_model.MODEL_DIR,
        speed=Speed(compile="on"),
        loras=tuple(demo_model.LORAS.values()),
    )
    model = Model(demo, device)
    before = model.draw()
    model.compile()
    backend.ran = 0
    dressed = model.draw(loras=(Lora(name=next(iter(demo_model.LORAS))),))
    assert backend.ran == 0
    assert not torch.equal(dressed, before)
    assert torch.equal(model.draw(), before)
    model.compile()
    backend.ran = 0
    assert torch.equal(model.draw(), before)
    assert backend.ran == STEPS * model.blocks
    model.shelf.close(wait=True)


def test_a_model_of_the_same_build_takes_over_the_programs(load: Open, backend: Backend) -> None:
    first = load("sd15")
    first.draw()
    first.compile()
    made = backend.made
    first.shelf.close(wait=True)
    second = load("sd15")
    before = second.draw()
    second.compile()
    assert second.said[0].startswith("compiled")
    assert backend.made == made
    backend.ran = 0
    assert torch.equal(second.draw(), before)
    assert backend.ran == STEPS * second.blocks


@pytest.mark.usefixtures("backend")
def test_a_compiled_model_that_goes_leaves_nothing_behind(load: Open, tmp_path: Path) -> None:
    model = load("sd15", folder=tmp_path)
    model.draw()
    model.compile()
    model.draw(count=3)
    weights = weakref.ref(next(model.loaded.denoiser.parameters()))
    block = weakref.ref(model.loaded.speed._regions.regions[0].block)  # type: ignore[union-attr]
    model.shelf.close(wait=True)
    del model.loaded
    gc.collect()
    assert weights() is None
    assert block() is None
    assert list(tmp_path.glob("*.attempts")) == []


def test_compiling_that_is_given_up_stops_at_the_next_block(load: Open, backend: Backend) -> None:
    model = load("flux")
    model.draw()
    backend.may_make.clear()
    model.loaded.speed.after_job()
    assert backend.begun.wait(60)
    model.loaded.speed.close(wait=False)
    backend.may_make.set()
    model.await_compiled()
    assert backend.made == 1
    assert model.said == []
    model.draw()
    model.loaded.speed.after_job()
    assert not model.compiler._thread.is_alive()  # type: ignore[union-attr]


def test_a_worker_that_dies_of_compiling_does_not_do_it_for_ever(
    load: Open, backend: Backend, tmp_path: Path
) -> None:
    for _ in range(MOST_UNFINISHED):
        dying = load("sd15", folder=tmp_path)
        dying.draw()
        dying.compile()
    (file,) = tmp_path.glob("*.attempts")
    backend.made = 0
    model = load("sd15", folder=tmp_path)
    model.draw()
    model.loaded.speed.after_job()
    assert backend.made == 0
    (text,) = model.said
    assert text.endswith(f"died of that {MOST_UNFINISHED} times; to try again, delete {file}")


def test_a_model_that_cannot_be_compiled_draws_all_the_same(load: Open, backend: Backend) -> None:
    model = load("hidream")  # whose experts are chosen by what the numbers are
    before = model.draw(sampler="Euler")
    model.compile()
    (text,) = model.said
    assert text.startswith("compiling failed, so it runs as it is: ")
    backend.ran = 0
    assert torch.equal(model.draw(sampler="Euler"), before)
    assert backend.ran == 0


def test_a_picture_drawn_with_programs_clears_their_name(
    load: Open, backend: Backend, tmp_path: Path
) -> None:
    for _ in range(MOST_UNFINISHED):
        model = load("sd15", folder=tmp_path)
        model.draw()
        model.compile()
        assert len(list(tmp_path.glob("*.attempts"))) == 1
        backend.ran = 0
        model.draw()
        assert backend.ran > 0
        model.compile()
        assert list(tmp_path.glob("*.attempts")) == []


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["sd15", "flux"])
def test_real_programs_draw_what_the_plain_blocks_draw(load: Open, architecture: str) -> None:
    model = load(architecture)
    call: dict[str, Any] = {}

    def keep(_module: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        call.update(args=args, options=options)

    hook = model.loaded.denoiser.register_forward_pre_hook(keep, with_kwargs=True)
    calls = []
    for width, height, count in SIZES:
        model.draw(width=width, height=height, count=count)
        calls.append(dict(call))
    hook.remove()
    denoiser = model.loaded.denoiser
    with torch.no_grad():
        plain = [denoiser(*each["args"], **each["options"])[0] for each in calls]
        model.compile()
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        fast = [denoiser(*each["args"], **each["options"])[0] for each in calls]
    assert model.said[0].startswith("compiled")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    for mine, yours in zip(fast, plain, strict=True):
        assert (mine - yours).abs().max() <= 1e-5
        assert not torch.equal(mine, yours)  # it was not the plain block


def test_arithmetic_is_counted_through_blocks_that_may_be_compiled(
    load: Open, backend: Backend
) -> None:
    plain, ready = load("sdxl", compile="off").loaded, load("sdxl").loaded
    assert backend.made == 0
    with Bare(plain, 1) as bare:
        wanted = tflop_per_step(plain, bare, new_work(plain.info, width=64, height=64, steps=2))
    with Bare(ready, 1) as bare:
        found = tflop_per_step(ready, bare, new_work(ready.info, width=64, height=64, steps=2))
    assert found == pytest.approx(wanted)


def test_it_is_told_while_something_is_compiled(load: Open, backend: Backend) -> None:
    model = load("sdxl")
    seen = [model.loaded.speed.is_compiling]
    backend.may_make.clear()
    model.draw()
    model.loaded.speed.after_job()
    seen.append(model.loaded.speed.is_compiling)
    backend.may_make.set()
    model.await_compiled()
    seen.append(model.loaded.speed.is_compiling)
    assert seen == [False, True, False]


@pytest.mark.parametrize(("device", "chosen"), [("cuda", []), ("cuda:1", [1])])
def test_a_card_without_a_number_is_left_as_it_is(
    load: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch, device: str, chosen: list[int]
) -> None:
    seen = list[int | None]()
    monkeypatch.setattr(torch.cuda, "set_device", lambda card: seen.append(card.index))
    compiler = load("sd15").compiler
    monkeypatch.setattr(compiler, "_device", torch.device(device))
    compiler._prepare_thread()
    assert (seen, backend.made) == (chosen, 0)
