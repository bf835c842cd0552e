"""Muon for the weight matrices and AdamW for the rest: half the samples AdamW alone needs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from generation.demo_model.checkpoints import section

_SMALLEST_SIDE = 32
_MATRIX_RATE = 1.5e-3
_VECTOR_RATE = 1e-3
_MOMENTUM = 0.95


class MixedOptimizer:
    """Orthogonalised momentum (Jordan et al., 2024) on matrices, AdamW on everything smaller.

    Convolutions count as matrices of (outputs, inputs × taps). ``rate`` in :meth:`step` scales
    both learning rates, 1.0 being full speed.
    """

    def __init__(self, module: nn.Module) -> None:
        self._matrices: dict[str, nn.Parameter] = {}
        vectors = []
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            if parameter.ndim >= 2 and min(parameter.flatten(1).shape) >= _SMALLEST_SIDE:
                self._matrices[name] = parameter
            else:
                vectors.append(parameter)
        self._momenta = {name: torch.zeros_like(p) for name, p in self._matrices.items()}
        self._alike: dict[tuple[int, int], list[str]] = {}
        for name, parameter in self._matrices.items():
            rows, columns = parameter.flatten(1).shape
            self._alike.setdefault((min(rows, columns), max(rows, columns)), []).append(name)
        self._adam = torch.optim.AdamW(
            vectors, lr=_VECTOR_RATE, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )
        self._parameters = [*self._matrices.values(), *vectors]

    @torch.no_grad()
    def step(self, *, rate: float) -> None:
        """One update from the gradients, which are then dropped."""
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        for (_, longer), names in self._alike.items():
            updates = orthogonalised(torch.stack([self._direction(name) for name in names]))
            for name, update in zip(names, updates, strict=True):
                parameter = self._matrices[name]
                rows, columns = parameter.flatten(1).shape
                turned = update.T if rows > columns else update
                parameter.mul_(1 - _MATRIX_RATE * rate * 0.02)
                parameter.add_(
                    turned.reshape(parameter.shape),
                    alpha=-_MATRIX_RATE * rate * 0.2 * longer**0.5,
                )
        for group in self._adam.param_groups:
            group["lr"] = _VECTOR_RATE * rate
        self._adam.step()
        for parameter in self._parameters:
            parameter.grad = None

    def _direction(self, name: str) -> Tensor:
        """Where the momentum points, in bf16, laid down so that it is never taller than wide."""
        parameter, momentum = self._matrices[name], self._momenta[name]
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        direction = gradient.lerp(momentum, _MOMENTUM).flatten(1).to(torch.bfloat16)
        return direction.T if direction.shape[0] > direction.shape[1] else direction

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs to go on."""
        return {"momenta": self._momenta, "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Goes on from the state of an optimiser of the same module."""
        for name, value in section(state, "momenta").items():
            self._momenta[name].copy_(torch.as_tensor(value))
        self._adam.load_state_dict(section(state, "adam"))


def orthogonalised(matrices: Tensor, *, rounds: int = 5) -> Tensor:
    """The nearest half-orthogonal matrices, roughly, by Newton–Schulz rounds.

    ``matrices`` is (n, rows, columns) with no more rows than columns; singular values of the
    answer lie near 1 (0.7 to 1.2), whatever they were.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
