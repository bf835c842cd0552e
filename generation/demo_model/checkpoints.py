"""Training states on disk: written whole or not at all, so that a killed run can go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn


def save_state(path: Path, state: Mapping[str, object]) -> None:
    """Writes the state beside its place first, then renames it over the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(dict(state), partial)
    partial.replace(path)


def load_state(path: Path) -> dict[str, object] | None:
    """The state saved there, or None when there is none yet. Never unpickles code."""
    if not path.exists():
        return None
    state: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def section(state: Mapping[str, object], name: str) -> dict[str, object]:
    """The named part of a saved state. Raises TypeError where the state has no such part."""
    part = state.get(name)
    if not isinstance(part, dict):
        raise TypeError(f"This checkpoint has no {name!r}: retrain, or name another --out folder.")
    return part


class MovingAverage:
    """The running mean of a module's weights, slower as training goes on."""

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._updates = 0
        self.weights = {k: v.detach().clone().float() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Moves the mean a step towards the module's present weights."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for name, value in module.state_dict().items():
            self.weights[name].lerp_(value.detach().float(), 1 - decay)

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs to go on."""
        return {"updates": self._updates, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Goes on from a saved mean of a module of the same shape."""
        self._updates = int(str(state["updates"]))
        for name, value in section(state, "weights").items():
            self.weights[name].copy_(torch.as_tensor(value))


def resume(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, average: MovingAverage
) -> int:
    """Puts back what was saved there, and returns the step to go on from: 0 without a file.

    Raises TypeError where the file is no such checkpoint.
    """
    state = load_state(path)
    if state is None:
        return 0
    module.load_state_dict(section(state, "model"))
    optimizer.load_state_dict(section(state, "optimizer"))
    average.load_state_dict(section(state, "average"))
    return int(str(state["step"]))
