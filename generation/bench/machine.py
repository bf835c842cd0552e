"""The machine that is measured on, in words, and how busy it is."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Loads are averages over the last minute, None where the system does not tell."""

    system: str
    processor: str
    processors: int
    memory_gib: float | None
    load_before: float | None
    load_after: float | None = None

    def as_json(self) -> dict[str, object]:
        """The same as JSON's types."""
        return {
            "system": self.system,
            "processor": self.processor,
            "processors": self.processors,
            "memory_gib": self.memory_gib,
            "load_before": self.load_before,
            "load_after": self.load_after,
        }

    def describe(self) -> str:
        """One line."""
        parts = [f"{self.processors} × {self.processor}"]
        if self.memory_gib is not None:
            parts.append(f"{self.memory_gib:g} GiB")
        parts.append(self.system)
        if self.load_before is not None and self.load_after is not None:
            parts.append(f"load {self.load_before:.1f} before, {self.load_after:.1f} after")
        return ", ".join(parts)


def look_at_machine() -> Machine:
    """This machine now."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        processors=os.cpu_count() or 1,
        memory_gib=_memory(),
        load_before=load_now(),
    )


def load_now() -> float | None:
    """How many programs have wanted to run at once, over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
