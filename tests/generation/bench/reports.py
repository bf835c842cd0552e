"""A report with made-up numbers, and the schema that every report keeps to."""

from __future__ import annotations

from collections.abc import Mapping

from generation.bench import Findings, Report
from generation.bench.findings import KEYS
from generation.bench.machine import Machine

MACHINE = Machine(
    system="Linux 6", processor="A processor", processors=2, memory_gib=23.5, load_before=0.1
)
_NUMBER = {"type": ["number", "null"]}
_PHASES = ("idle", "loading", "running", "compiling")
_PLAIN = [key for key in KEYS if "." not in key]
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *_PLAIN,
        *("loop_lateness_ms", "model", "machine", "versions", "skipped", "missed"),
    ],
    "properties": {
        **dict.fromkeys(_PLAIN, _NUMBER),
        "loop_lateness_ms": {
            "type": "object",
            "additionalProperties": False,
            "required": list(_PHASES),
            "properties": dict.fromkeys(_PHASES, _NUMBER),
        },
        "model": {"type": "string"},
        "missed": {"type": "array", "items": {"enum": list(KEYS)}},
        "skipped": {
            "type": "object",
            "propertyNames": {"enum": list(KEYS)},
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "versions": {
            "type": "object",
            "required": ["easel", "python", "torch", "diffusers", "transformers"],
            "additionalProperties": {"type": "string"},
        },
        "machine": {
            "type": "object",
            "required": ["system", "processor", "processors", "load_before", "device"],
        },
    },
}


def report(numbers: Mapping[str, float], machine: Machine = MACHINE) -> Report:
    findings = Findings()
    findings.add(numbers)
    findings.facts["device"] = "cpu (float32)"
    findings.skip("there was no time", *KEYS)
    names = ("easel", "python", "torch", "diffusers", "transformers")
    return Report(
        model="demo", machine=machine, versions=dict.fromkeys(names, "1.0"), findings=findings
    )
