"""Weights in fewer bits: only copies are changed until their programs have proven themselves."""

from __future__ import annotations

import pytest
import torch
from diffusers import FluxTransformer2DModel
from torch import nn

from generation.worker.speed.attempts import Attempts
from generation.worker.speed.compiling import Change, Compiler
from generation.worker.speed.quantising import quantise
from generation.worker.speed.regions import Regions
from tests.generation.worker.speed.conftest import Backend

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own


class Quantised:
    """A small denoiser whose blocks are changed once they are compiled."""

    def __init__(self, change: Change, backend: str) -> None:
        torch.set_num_threads(1)  # as the compiling thread does
        torch.manual_seed(0)
        self.denoiser = FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=64,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(16, 24, 24),
        ).requires_grad_(False)
        self.said: list[str] = []
        self.regions = Regions(self.denoiser, backend=backend, on_failure=self._fail)
        self._compiler = Compiler(
            self.regions,
            device=torch.device("cpu"),
            threads=1,
            attempts=Attempts(None),
            tell=self.said.append,
            change=change,
        )

    def _fail(self, error: BaseException) -> None:
        raise error

    def compile(self) -> None:
        self._compiler.look()
        assert self._compiler._thread is not None
        self._compiler._thread.join()

    def __call__(self, rows: int = 2, side: int = 8) -> torch.Tensor:
        generator = torch.Generator().manual_seed(rows * side)
        size = side * side
        with torch.no_grad():
            answer = self.denoiser(
                hidden_states=torch.randn(rows, size, 4, generator=generator),
                timestep=torch.full((rows,), 0.3),
                pooled_projections=torch.ones(rows, 32),
                encoder_hidden_states=torch.randn(rows, 20, 32, generator=generator),
                txt_ids=torch.zeros(20, 3),
                img_ids=torch.arange(size)[:, None].expand(size, 3).float(),
                return_dict=False,
            )
        return torch.as_tensor(answer[0])

    @property
    def weights(self) -> list[torch.Tensor]:
        return [each.block.attn.to_q.weight for each in self.regions.regions]  # type: ignore[union-attr,misc]


def rounded(block: nn.Module) -> None:
    """Weights with as few digits as eight bits have."""
    with torch.no_grad():
        for weight in block.parameters():
            weight.copy_(weight.to(torch.float8_e4m3fn).to(weight.dtype))


def broken(block: nn.Module) -> None:
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()


def test_blocks_are_changed_when_their_programs_are_used(backend: Backend) -> None:
    model = Quantised(rounded, backend.name)
    before, originals = model(), [weight.clone() for weight in model.weights]
    model.compile()
    assert model.said[0].startswith("compiled 4 kinds of block")
    assert all(map(torch.equal, model.weights, originals))
    backend.ran = 0
    after = model()
    assert backend.ran == len(model.regions.regions)
    assert not any(map(torch.equal, model.weights, originals))
    assert 0 < float((after - before).norm() / before.norm()) < 0.1
    made = backend.made
    model(rows=1, side=12)
    assert backend.ran == 2 * len(model.regions.regions)
    assert backend.made == made


def test_a_change_that_spoils_the_model_is_never_made_to_it(backend: Backend) -> None:
    model = Quantised(broken, backend.name)
    before = model()
    model.compile()
    assert model.said[0].startswith("compiling failed, so it runs as it is: ArithmeticError")
    backend.ran = 0
    assert torch.equal(model(), before)
    assert backend.ran == 0


@pytest.mark.slow
def test_torchaos_eight_bits_are_close_to_the_original() -> None:
    pytest.importorskip("torchao")
    model = Quantised(quantise("int8"), "inductor")
    before = model()
    model.compile()
    assert model.said[0].startswith("compiled 4 kinds of block")
    after = model()
    assert 0 < float((after - before).norm() / before.norm()) < 0.05
    assert "Int8" in type(model.weights[0]).__name__
