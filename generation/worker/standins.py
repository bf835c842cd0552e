"""What a job's pipeline gets in place of the shared modules: they look the same, and queue."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch

from generation.worker.calls import Shared
from generation.worker.gatherer import Seat


class StandIn:
    """Looks like ``module`` in every attribute and to ``isinstance``; calls go where told.

    What is set on it is set on the module.
    """

    def __init__(self, module: Any) -> None:
        # Pipelines write down which library their parts are from.
        vars(self).update(_module=module, __module__=type(module).__module__)

    @property  # type: ignore[misc]  # nobody sets it, but pipelines ask isinstance
    def __class__(self) -> type:
        return type(self._module)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_module"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._module, name, value)

    def __repr__(self) -> str:
        return f"<stand-in for {type(self._module).__name__}>"


class DenoiserStandIn(StandIn):
    """A job's way to the denoiser. Calls wait for those of other jobs that fit with them."""

    def __init__(
        self,
        seat: Seat,
        shared: Shared,
        *,
        outfit: Hashable = (),
        wear: Callable[[], None] | None = None,
        module: Any = None,
    ) -> None:
        """``outfit`` names what ``wear`` puts on the module before a call, such as LoRAs.

        ``module`` is what it looks like, where a call is more than the module's own.
        """
        super().__init__(shared.call if module is None else module)
        vars(self).update(_seat=seat, _shared=shared, _outfit=outfit, _wear=wear)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Wait for the device to have made the call, perhaps with others'."""
        return self._seat.step(self._shared, args, options, outfit=self._outfit, wear=self._wear)

    def forward(self, *args: Any, **options: Any) -> Any:
        """The same as a call."""
        return self(*args, **options)

    def cache_context(self, name: str) -> AbstractContextManager[None]:
        """The module's own where steps are cached: then one job at a time has the module."""
        if getattr(self._module, "is_cache_enabled", False):
            return self._module.cache_context(name)  # type: ignore[no-any-return]
        return contextlib.nullcontext()

    def _reset_stateful_cache(self, *args: Any, **options: Any) -> None:
        if getattr(self._module, "is_cache_enabled", False):
            self._module._reset_stateful_cache(*args, **options)  # noqa: SLF001  # stands in for it


Around = Callable[[torch.nn.Module], AbstractContextManager[object]]
"""What holds while a module is called, such as that its edges meet."""


class PartStandIn(StandIn):
    """A job's way to another part, such as the VAE: its work is done by the device's thread.

    A pipeline may ask for another type of numbers by ``to``; only its own calls get it.
    """

    def __init__(
        self, seat: Seat, module: torch.nn.Module, *, around: Around = contextlib.nullcontext
    ) -> None:
        """``around`` is entered with the module for each of its calls."""
        super().__init__(module)
        vars(self).update(_seat=seat, _wanted=None, _around=around)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The part's own, in the device's thread."""
        return self._do(self._module, args, options)

    def forward(self, *args: Any, **options: Any) -> Any:
        """The same as a call."""
        return self(*args, **options)

    def encode(self, *args: Any, **options: Any) -> Any:
        """The part's own, in the device's thread."""
        return self._do(self._module.encode, args, options)

    def decode(self, *args: Any, **options: Any) -> Any:
        """The part's own, in the device's thread."""
        return self._do(self._module.decode, args, options)

    @property
    def dtype(self) -> Any:
        """The type of numbers that this job's calls are made in."""
        return self._wanted or self._module.dtype

    def to(self, *args: Any, **options: Any) -> PartStandIn:
        """Have this job's calls made in another type. The part stays where it is."""
        wanted = [each for each in (*args, *options.values()) if isinstance(each, torch.dtype)]
        vars(self).update(_wanted=wanted[0] if wanted else self._wanted)
        return self

    def _do(
        self, method: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        module, wanted, around = self._module, self._wanted, self._around

        def run() -> Any:
            before = module.dtype if wanted is not None else None
            if wanted == before:
                with around(module):
                    return method(*args, **options)
            module.to(wanted)
            try:
                with around(module):
                    return method(*args, **options)
            finally:
                module.to(before)

        return self._seat.run(run)
