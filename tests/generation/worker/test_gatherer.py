"""The device's thread: who is joined with whom, who waits for whom, who is told what went wrong."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from generation.worker import gatherer as gatherer_module
from generation.worker.calibration import NoLimits
from generation.worker.calls import Shared
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.standins import DenoiserStandIn, PartStandIn
from tests.generation.worker.held_device import PATIENCE, HeldDevice, held_device


class Doubler(torch.nn.Module):
    """Twice the sample plus the time. ``before`` may raise, or wait, for the rows it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.threads: set[str] = set()
        self.before: Callable[[torch.Tensor], None] = lambda _: None

    def forward(
        self, sample: torch.Tensor, timestep: Any, return_dict: bool = True
    ) -> tuple[torch.Tensor]:
        assert return_dict is False
        self.calls.append(sample.shape[0])
        self.threads.add(threading.current_thread().name)
        self.before(sample)
        return (2 * sample + torch.as_tensor(timestep).reshape(-1, 1),)


@pytest.fixture
def gatherer() -> Iterator[HeldDevice]:
    with held_device() as device:
        yield device


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def module() -> Doubler:
    return Doubler()


def share(module: Doubler) -> Shared:
    return replace(Shared.of_module(module, NoLimits()), is_known=True)


def one_step(
    gatherer: Gatherer, shared: Shared, value: float, *, exact: bool = False, **options: Any
) -> Callable[[], float]:
    """A job of a single step. Its seat is taken now, in the order of the calls to this."""
    seat = gatherer.seat(exact=exact)
    stand_in = DenoiserStandIn(seat, shared, **options)

    def run() -> float:
        with seat.denoising():
            answer = stand_in(torch.full((1, 1), value), torch.tensor(0.0), return_dict=False)
        seat.leave()
        return float(answer[0])

    return run


def ask(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, jobs: list[Callable[[], float]]
) -> list[Future[float]]:
    """Let the jobs all be waiting before the device sees the first."""
    gate = gatherer.hold()
    futures = [threads.submit(job) for job in jobs]
    gatherer.await_calls(len(jobs))
    gate.set()
    return futures


def test_calls_that_wait_together_are_made_as_one_and_each_gets_its_part(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = share(module)
    futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(5)])
    assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert module.calls == [5]
    assert module.threads == {"device"}


def step_of(seat: Seat, shared: Shared) -> Callable[[], object]:
    return lambda: DenoiserStandIn(seat, shared)(torch.ones(1, 1), 0, return_dict=False)


def test_a_step_waits_a_moment_for_a_job_on_its_way_to_its_first(
    gatherer: HeldDevice,
    threads: ThreadPoolExecutor,
    module: Doubler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatherer_module, "_PREPARATION", PATIENCE)
    shared, early, late = share(module), gatherer.seat(), gatherer.seat()
    late.stir()
    first = threads.submit(step_of(early, shared))
    gatherer.await_calls(1)
    second = threads.submit(step_of(late, shared))
    first.result(PATIENCE)
    second.result(PATIENCE)
    assert module.calls == [2]


def test_a_step_does_not_wait_for_a_job_that_prepares_for_long(
    gatherer: HeldDevice,
    threads: ThreadPoolExecutor,
    module: Doubler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatherer_module, "_PREPARATION", 0.001)
    shared, early, late = share(module), gatherer.seat(), gatherer.seat()
    late.stir()
    threads.submit(step_of(early, shared)).result(PATIENCE)
    assert module.calls == [1]


def test_a_call_that_nothing_goes_with_is_made_as_it_came(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    handle = module.register_forward_pre_hook(
        lambda _, args, options: seen.append((args, options)), with_kwargs=True
    )
    sample, moment = torch.ones(1, 1), torch.tensor(0.0)
    stand_in = DenoiserStandIn(gatherer.seat(), share(module))
    threads.submit(stand_in, sample, moment, return_dict=False).result(PATIENCE)
    handle.remove()
    ((args, options),) = seen
    assert args[0] is sample
    assert args[1] is moment
    assert options == {"return_dict": False}


def test_the_oldest_job_goes_first_and_other_shapes_after_it(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared, order = share(module), list[tuple[int, ...]]()
    module.before = lambda sample: order.append(tuple(sample.shape))

    def shaped(*shape: int) -> Callable[[], float]:
        seat = gatherer.seat()

        def run() -> float:
            with seat.denoising():
                step = DenoiserStandIn(seat, shared)
                return float(step(torch.ones(shape), 0, return_dict=False)[0].sum())

        return run

    jobs = [shaped(1, 2), shaped(1, 3), shaped(1, 2), shaped(1, 4), shaped(1, 3)]
    for future in ask(gatherer, threads, jobs):
        future.result(PATIENCE)
    assert order == [(2, 2), (2, 3), (1, 4)]


def test_no_more_rows_are_joined_than_pay(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    limits = NoLimits()
    limits.lower("1", 2)
    shared = replace(Shared.of_module(module, limits), is_known=True)
    futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(5)])
    assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert module.calls == [2, 2, 1]


def test_an_exact_job_is_joined_with_none(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = share(module)
    jobs = [one_step(gatherer, shared, float(n), exact=n == 1) for n in range(3)]
    futures = ask(gatherer, threads, jobs)
    assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0]
    assert sorted(module.calls) == [1, 2]


def test_jobs_in_different_outfits_are_kept_apart_and_dressed_before_their_call(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared, worn = share(module), list[str]()
    jobs = [
        one_step(
            gatherer, shared, 1.0, outfit=outfit, wear=lambda outfit=outfit: worn.append(outfit)
        )
        for outfit in ("ink", "neon", "ink")
    ]
    for future in ask(gatherer, threads, jobs):
        future.result(PATIENCE)
    assert worn == ["ink", "neon"]
    assert module.calls == [2, 1]


def test_a_latecomer_joins_at_the_next_step(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = share(module)
    began, go_on = threading.Event(), threading.Event()

    def first_call_waits(_: torch.Tensor) -> None:
        if len(module.calls) == 1:
            began.set()
            go_on.wait(PATIENCE)

    module.before = first_call_waits
    first = three_steps(gatherer, shared, threads)
    began.wait(PATIENCE)
    gatherer.await_calls(1)
    second = three_steps(gatherer, shared, threads)
    gatherer.await_calls(1)
    go_on.set()
    first.result(PATIENCE)
    second.result(PATIENCE)
    assert module.calls == [1, 2, 2, 1]


def three_steps(
    gatherer: Gatherer, shared: Shared, threads: ThreadPoolExecutor
) -> Future[torch.Tensor]:
    seat = gatherer.seat()

    def run() -> torch.Tensor:
        stand_in, sample = DenoiserStandIn(seat, shared), torch.ones(1, 1)
        with seat.denoising():
            for _ in range(3):
                (sample,) = stand_in(sample, 0, return_dict=False)
        seat.leave()
        return sample

    return threads.submit(run)


def test_nobody_waits_for_a_job_that_is_out_of_its_loop(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    idle = gatherer.seat()
    stand_in = DenoiserStandIn(idle, share(module))
    with idle.denoising():
        threads.submit(stand_in, torch.ones(1, 1), 0, return_dict=False).result(PATIENCE)
        assert idle.is_denoising
        job = threads.submit(one_step(gatherer, share(module), 1.0))
        gatherer.await_calls(2)
        assert module.calls == [1]
    assert job.result(PATIENCE) == 2.0


def test_other_work_is_done_while_the_next_step_is_waited_for(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    busy = gatherer.seat()
    stand_in = DenoiserStandIn(busy, share(module))
    with busy.denoising():
        threads.submit(stand_in, torch.ones(1, 1), 0, return_dict=False).result(PATIENCE)
        seat = gatherer.seat()
        name = threads.submit(seat.run, lambda: threading.current_thread().name)
        assert name.result(PATIENCE) == "device"


def test_rows_of_several_jobs_are_decoded_together(
    gatherer: HeldDevice, threads: ThreadPoolExecutor
) -> None:
    sizes: list[int] = []

    def decode(latents: torch.Tensor) -> list[float]:
        sizes.append(latents.shape[0])
        return [float(latent.sum()) for latent in latents]

    shared = Shared.of_function(decode, NoLimits())
    seats = [gatherer.seat() for _ in range(2)]
    gate = gatherer.hold()
    futures = [
        threads.submit(seat.each, shared, torch.full((count, 2), float(count)))
        for seat, count in zip(seats, (2, 3), strict=True)
    ]
    gatherer.await_calls(2)
    gate.set()
    assert [future.result(PATIENCE) for future in futures] == [[4.0, 4.0], [6.0, 6.0, 6.0]]
    assert sizes == [5]


def test_without_room_a_joined_call_is_halved_and_the_bound_remembered(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    def small_only(sample: torch.Tensor) -> None:
        if sample.shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    module.before = small_only
    shared = share(module)
    for calls in ([5, 3, 2, 1, 2], [2, 2, 1]):
        module.calls.clear()
        jobs = [one_step(gatherer, shared, float(n)) for n in range(5)]
        futures = ask(gatherer, threads, jobs)
        assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0, 6.0, 8.0]
        assert module.calls == calls


def test_one_job_without_room_is_told_and_the_others_go_on(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    def not_three(sample: torch.Tensor) -> None:
        if 3.0 in sample:
            raise torch.OutOfMemoryError("CUDA out of memory")

    module.before = not_three
    shared = share(module)
    futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(5)])
    with pytest.raises(torch.OutOfMemoryError):
        futures[3].result(PATIENCE)
    others = [future.result(PATIENCE) for future in futures if future is not futures[3]]
    assert others == [0.0, 2.0, 4.0, 8.0]


def test_an_error_in_a_joined_call_reaches_only_the_job_that_causes_it(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    def not_one(sample: torch.Tensor) -> None:
        if 1.0 in sample:
            raise ZeroDivisionError("by one")

    module.before = not_one
    shared = share(module)
    futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(3)])
    with pytest.raises(ZeroDivisionError, match="by one"):
        futures[1].result(PATIENCE)
    assert [futures[0].result(PATIENCE), futures[2].result(PATIENCE)] == [0.0, 4.0]


def test_before_calls_are_trusted_to_be_joined_one_is_compared_with_its_own_answer(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = Shared.of_module(module, NoLimits())
    for calls in ([3, 1], [3]):
        module.calls.clear()
        futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(3)])
        assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0]
        assert module.calls == calls


@pytest.mark.parametrize("fault", [lambda answer: answer.mean(0, keepdim=True), "error"])
def test_what_answers_otherwise_when_joined_is_never_joined(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler, fault: Any
) -> None:
    original = module.forward

    def wrong(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
        (answer,) = original(sample, *args, **options)
        if len(sample) == 1:
            return (answer,)
        if fault == "error":
            raise TypeError("only one row")
        return (fault(answer).expand_as(answer),)

    module.forward = wrong  # type: ignore[method-assign]
    shared = Shared.of_module(module, NoLimits())
    for _ in range(2):
        futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(3)])
        assert [future.result(PATIENCE) for future in futures] == [0.0, 2.0, 4.0]
    assert sum(rows > 1 for rows in module.calls) == 1


def test_a_lost_device_is_told_to_every_job_of_the_call_and_not_tried_again(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    def lost(_: torch.Tensor) -> None:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    module.before = lost
    shared = share(module)
    futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(3)])
    errors = [future.exception(PATIENCE) for future in futures]
    assert [type(error) for error in errors] == [torch.AcceleratorError] * 3
    assert len({id(error) for error in errors}) == 3
    assert module.calls == [3]


def test_a_cancelled_job_leaves_while_it_waits_and_no_call_is_made_for_it(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = share(module)
    jobs = [one_step(gatherer, shared, float(n)) for n in range(3)]
    seat = gatherer._seats[1]
    gate = gatherer.hold()
    futures = [threads.submit(job) for job in jobs]
    gatherer.await_calls(3)
    seat.cancel()
    with pytest.raises(JobCancelled):
        futures[1].result(PATIENCE)  # the device is still held up
    gate.set()
    assert [futures[0].result(PATIENCE), futures[2].result(PATIENCE)] == [0.0, 4.0]
    assert module.calls == [2]


def test_a_job_cancelled_during_its_call_does_not_get_the_answer(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    shared = share(module)
    jobs = [one_step(gatherer, shared, float(n)) for n in range(2)]
    module.before = lambda _, seat=gatherer._seats[0]: seat.cancel()  # type: ignore[misc]
    futures = ask(gatherer, threads, jobs)
    with pytest.raises(JobCancelled):
        futures[0].result(PATIENCE)
    assert futures[1].result(PATIENCE) == 2.0


def test_silence_grows_while_the_device_or_a_job_hangs_and_not_while_jobs_take_turns(
    gatherer: HeldDevice,
    threads: ThreadPoolExecutor,
    module: Doubler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("generation.worker.gatherer.time.monotonic", lambda: now)
    assert gatherer.silent_seconds() == 0.0
    shared = share(module)
    hanging, waiting = gatherer.seat(), one_step(gatherer, shared, 1.0)
    gate = gatherer.hold()
    now += 50
    assert gatherer.silent_seconds() == 50.0  # the device is at something
    gate.set()
    assert threads.submit(waiting).result(PATIENCE) == 2.0
    assert gatherer.silent_seconds() == 0.0  # it has moved; the other job waits for its turn
    hanging.stir()
    now += 7
    threads.submit(one_step(gatherer, shared, 1.0)).result(PATIENCE)
    assert gatherer.silent_seconds() == 7.0  # and now hangs, though the device moves
    hanging.leave()
    assert gatherer.silent_seconds() == 0.0


def test_nothing_of_a_job_stays_behind_whatever_its_end(
    gatherer: HeldDevice, threads: ThreadPoolExecutor, module: Doubler
) -> None:
    seen: list[weakref.ref[torch.Tensor]] = []

    def failing_twice(sample: torch.Tensor) -> None:
        seen.append(weakref.ref(sample))
        if 2.0 in sample:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if 3.0 in sample:
            raise ZeroDivisionError

    module.before = failing_twice
    shared = share(module)
    for _ in range(40):
        futures = ask(gatherer, threads, [one_step(gatherer, shared, float(n)) for n in range(4)])
        ends = [type(future.exception(PATIENCE)) for future in futures]
        assert ends == [type(None), type(None), torch.OutOfMemoryError, ZeroDivisionError]
        for seat in list(gatherer._seats):
            seat.leave()
    futures.clear()
    gatherer.hold().set()
    gc.collect()
    assert len(seen) > 40
    assert [reference() for reference in seen] == [None] * len(seen)


def test_a_stand_in_looks_like_what_it_stands_for(gatherer: HeldDevice) -> None:
    class Unet(Doubler):
        dtype = torch.float32

        def __init__(self) -> None:
            super().__init__()
            self.config = {"in_channels": 4}

    module = Unet()
    stand_in = DenoiserStandIn(gatherer.seat(), share(module))
    assert isinstance(stand_in, Unet)
    assert stand_in.config["in_channels"] == 4
    assert stand_in.dtype is torch.float32
    assert stand_in.__module__ == __name__
    assert list(stand_in.parameters()) == []
    stand_in.mark = 7
    assert module.mark == 7
    with pytest.raises(AttributeError):
        _ = stand_in.nothing


def test_other_parts_work_on_the_devices_thread(
    gatherer: HeldDevice, threads: ThreadPoolExecutor
) -> None:
    class Vae(torch.nn.Module):
        def encode(self, value: int) -> tuple[int, str]:
            return value, threading.current_thread().name

        forward = decode = encode

    stand_in: Any = PartStandIn(gatherer.seat(), Vae())
    for method in (stand_in, stand_in.encode, stand_in.decode, stand_in.forward):
        assert threads.submit(method, 7).result(PATIENCE) == (7, "device")


def test_another_type_of_numbers_holds_for_the_job_that_asked_for_it(
    gatherer: HeldDevice, threads: ThreadPoolExecutor
) -> None:
    class Vae(torch.nn.Linear):
        def encode(self, sample: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self(sample))

        @property
        def dtype(self) -> torch.dtype:
            return self.weight.dtype

    vae = Vae(1, 1).to(torch.bfloat16)
    plain: Any = PartStandIn(gatherer.seat(), vae)
    precise: Any = PartStandIn(gatherer.seat(), vae)
    assert precise.to(dtype=torch.float32) is precise
    for stand_in, dtype in ((precise, torch.float32), (plain, torch.bfloat16)):
        assert stand_in.dtype == dtype
        sample = torch.ones(1, 1, dtype=dtype)
        assert threads.submit(stand_in.encode, sample).result(PATIENCE).dtype == dtype
    assert vae.dtype == torch.bfloat16
