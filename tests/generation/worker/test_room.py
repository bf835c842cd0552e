"""A model's room: shared, taken by one job, and filled with less of the model where it is short.

The processor plays the card: the same hooks move the same parts, only not far.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from generation.backends.base import Work
from generation.errors import OutOfMemory, Unavailable
from generation.types import JobId
from generation.worker import loading as loading_module, painter as painter_module
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.ladder import Way
from generation.worker.model_folder import Folder
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.placement import Placement, device_of, place
from generation.worker.room import Room
from generation.worker.settings import WorkerSettings
from generation.worker.slots import known_slots
from tests.generation.local_models import params

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own
CPU = torch.device("cpu")


def work(**changes: object) -> Work:
    return Work(job_id=JobId("job"), params=params(**changes))


def draw(loaded: LoadedModel, seat: Seat, **changes: object) -> Painting:
    return paint(loaded, work(**changes), seat=seat, on_step=lambda _: None)


def pixels(painting: Painting) -> torch.Tensor:
    (picture,) = [picture.pixels for _, picture in painting.pictures]
    assert picture is not None
    return picture


def placement_of(module: torch.nn.Module) -> Placement:
    if hasattr(module, "_hf_hook"):
        return Placement.BY_PART
    registries = [getattr(each, "_diffusers_hook", None) for each in module.modules()]
    by_layer = any(each and each.get_hook("group_offloading") for each in registries)
    return Placement.BY_LAYER if by_layer else Placement.WHOLE


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter_module, "can_offload", lambda _: True)


@pytest.fixture
def crowded(loaded: LoadedModel) -> Iterator[Callable[[Placement], None]]:
    """From now on there is only room for a model that is placed so, or narrower."""
    needed: list[Placement] = []
    denoiser, kind = loaded.denoiser, type(loaded.denoiser)
    forward = kind.forward

    def full(self: Any, *args: Any, **options: Any) -> Any:
        if needed and placement_of(denoiser) < needed[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, *args, **options)

    kind.forward = full
    yield needed.append
    kind.forward = forward
    vars(denoiser).pop("forward", None)  # where hooks that are gone had kept this one


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("needed", [Placement.BY_PART, Placement.BY_LAYER])
def test_without_room_for_the_whole_model_the_same_picture_is_made_with_parts_of_it(
    loaded: LoadedModel, seat: Seat, crowded: Callable[[Placement], None], needed: Placement
) -> None:
    usual = pixels(draw(loaded, seat))
    crowded(needed)
    painting = draw(loaded, seat, prompt="a red  circle")
    assert torch.equal(pixels(painting), usual)
    assert painting.notes == [
        "Memory was short, so the pictures were decoded in tiles.",
        "Memory was short, so the model was used in parts, which takes longer.",
    ]
    assert placement_of(loaded.denoiser) is Placement.WHOLE
    assert not loaded.base.vae.use_tiling


def test_on_a_processor_nothing_can_be_moved_away(
    loaded: LoadedModel, seat: Seat, crowded: Callable[[Placement], None]
) -> None:
    crowded(Placement.BY_PART)
    with pytest.raises(OutOfMemory):
        draw(loaded, seat)
    assert placement_of(loaded.denoiser) is Placement.WHOLE


@pytest.mark.usefixtures("card")
def test_what_is_denoised_is_only_decoded_again(loaded: LoadedModel, seat: Seat) -> None:
    vae, denoised = loaded.base.vae, list[int]()
    decode = vae.decode

    def full_unless_moved(latents: torch.Tensor, **options: Any) -> Any:
        if not hasattr(vae, "_hf_hook"):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latents, **options)

    handle = loaded.denoiser.register_forward_pre_hook(lambda *_: denoised.append(1))
    vae.decode = full_unless_moved
    try:
        painting = draw(loaded, seat, steps=3)
    finally:
        del vae.decode
        handle.remove()
    assert len(painting.pictures) == 1
    assert len(denoised) == 3


def test_the_device_of_a_moved_part_is_where_it_computes(loaded: LoadedModel) -> None:
    for placement in Placement:
        assert place(loaded.base, CPU, placement)
        assert device_of(loaded.base).type == "cpu"
        assert device_of(loaded.base.text_encoder).type == "cpu"
    assert place(loaded.base, CPU, Placement.WHOLE)


def test_a_placement_that_is_not_possible_leaves_the_model_usable(
    loaded: LoadedModel, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ValueError("these weights cannot be moved")

    monkeypatch.setattr(loaded.base, "enable_model_cpu_offload", refuse)
    assert not place(loaded.base, CPU, Placement.BY_PART)
    assert place(loaded.base, CPU, Placement.WHOLE)
    draw(loaded, seat)


class Guests:
    """Jobs that want into a room, each in a thread; they stay until sent away."""

    def __init__(self, gatherer: Gatherer, room: Room) -> None:
        self.seats: dict[str, Seat] = {}
        self._gatherer = gatherer
        self._room = room
        self._inside: dict[str, threading.Event] = {}
        self._leave: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    def come(self, name: str, *, alone: bool = False) -> None:
        self.seats[name] = self._gatherer.seat()
        self._inside[name], self._leave[name] = threading.Event(), threading.Event()
        way = Way(pictures=1, is_alone=alone)
        self._threads[name] = threading.Thread(target=self._stay, args=(name, way))
        self._threads[name].start()

    def is_inside(self, name: str, *, within: float = 60.0) -> bool:
        return self._inside[name].wait(within)

    def go(self, name: str) -> None:
        self._leave[name].set()
        self._threads[name].join()

    def gone(self, name: str) -> None:
        self._threads[name].join()

    def _stay(self, name: str, way: Way) -> None:
        try:
            with self._room.held(way, self.seats[name]):
                self._inside[name].set()
                self._leave[name].wait()
        except JobCancelled:
            pass
        finally:
            self.seats[name].leave()


@pytest.fixture
def guests(loaded: LoadedModel, device: Gatherer) -> Guests:
    return Guests(device, Room(loaded.base, CPU))


def test_jobs_share_the_room_until_one_wants_it_alone(guests: Guests) -> None:
    guests.come("a")
    guests.come("b")
    assert guests.is_inside("a")
    assert guests.is_inside("b")
    guests.come("alone", alone=True)
    while not guests._room._wanted_alone:
        time.sleep(0)
    guests.come("late")
    assert not guests.is_inside("late", within=0.0)
    guests.go("a")
    assert not guests.is_inside("alone", within=0.0)
    guests.go("b")
    assert guests.is_inside("alone")
    assert not guests.is_inside("late", within=0.0)
    guests.go("alone")
    assert guests.is_inside("late")
    guests.go("late")


def test_a_job_that_waits_for_the_room_can_be_cancelled(guests: Guests) -> None:
    guests.come("a")
    assert guests.is_inside("a")
    guests.come("alone", alone=True)
    guests.seats["alone"].cancel()
    guests.gone("alone")
    guests.come("b")
    assert guests.is_inside("b"), "nobody wants it alone any more"
    for name in "ab":
        guests.go(name)


def test_a_model_that_never_fits_whole_serves_one_at_a_time(
    loaded: LoadedModel, device: Gatherer
) -> None:
    place(loaded.base, CPU, Placement.BY_PART)
    guests = Guests(device, Room(loaded.base, CPU, Placement.BY_PART))
    with ExitStack() as stack:
        stack.callback(place, loaded.base, CPU, Placement.WHOLE)
        guests.come("a")
        assert guests.is_inside("a")
        guests.come("b")
        assert not guests.is_inside("b", within=0.0)
        guests.go("a")
        assert guests.is_inside("b")
        guests.go("b")


def test_a_model_too_large_to_be_loaded_whole_is_used_in_parts_from_the_start(
    settings: WorkerSettings, loaded: LoadedModel, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, devices = Folder.load, list[torch.device]()

    def too_large(self: Folder, dtype: torch.dtype, device: torch.device) -> Any:
        devices.append(device)
        if len(devices) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return load(self, dtype, device)

    monkeypatch.setattr(Folder, "load", too_large)
    monkeypatch.setattr(loading_module, "can_offload", lambda _: True)
    shelf = ModelShelf(settings, CPU, torch.float32)
    shelf.open()
    large = shelf.load("tiny")
    assert large.room.usual is Placement.BY_PART
    assert known_slots(large, 8) == 1
    painting = draw(large, seat)
    assert torch.equal(pixels(painting), pixels(draw(loaded, seat)))
    assert painting.notes == [
        "Memory was short, so the model was used in parts, which takes longer."
    ]


def test_a_model_without_any_room_is_named_with_what_to_do(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\nmore")

    monkeypatch.setattr(Folder, "load", too_large)
    with pytest.raises(Unavailable) as raised:
        ModelShelf(settings, CPU, torch.float32).open()
    detail = str(raised.value.detail)
    assert detail.startswith("model tiny: there is not enough memory for it")
    assert detail.endswith("(CUDA out of memory. Tried to allocate 20.00 GiB)")
