"""A finished benchmark, as one JSON object and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from generation.bench.findings import KEYS, Findings
from generation.bench.machine import Machine
from generation.bench.targets import LINES, Line, Verdict

_BUSY = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was measured, on what. ``versions`` are those of the libraries that do the work."""

    model: str
    machine: Machine
    versions: dict[str, str]
    findings: Findings

    def verdicts(self) -> dict[str, Verdict]:
        """Each measure's verdict, in the order of the report."""
        return {line.key: line.verdict(self.findings.numbers) for line in LINES}


def as_json(report: Report) -> dict[str, object]:
    """The report as a JSON object: a measure that was not made is null and named in ``skipped``."""
    findings = report.findings
    verdicts = report.verdicts()
    content: dict[str, object] = {"model": report.model}
    for key in KEYS:
        outer, _, inner = key.partition(".")
        number = findings.numbers.get(key)
        if inner:
            group = content.setdefault(outer, {})
            if isinstance(group, dict):
                group[inner] = number
        else:
            content[outer] = number
    content["missed"] = [key for key in KEYS if verdicts[key] is Verdict.MISSED]
    content["skipped"] = {key: findings.skipped[key] for key in KEYS if key in findings.skipped}
    content["machine"] = report.machine.as_json() | {"device": findings.facts.get("device")}
    content["versions"] = dict(report.versions)
    return content


def as_table(report: Report) -> str:
    """The report for people: a line for each measure with its target and its verdict."""
    rows = [("measure", "here", "wanted", "verdict")]
    rows += [_row(report, line) for line in LINES]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    shown = [
        f"{title:<{widths[0]}}  {here:>{widths[1]}}  {wanted:<{widths[2]}}  {verdict}".rstrip()
        for title, here, wanted, verdict in rows
    ]
    shown.insert(1, "-" * max(map(len, shown)))
    return "\n".join([*_heading(report), "", *shown, *_notes(report)])


def _heading(report: Report) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    device = report.findings.facts.get("device", "unknown device")
    return [
        f"{report.model} on {device}",
        f"{report.machine.describe()}",
        f"{versions}",
    ]


def _row(report: Report, line: Line) -> tuple[str, str, str, str]:
    numbers = report.findings.numbers
    here = f"{_shown(numbers[line.key])} {line.unit}".rstrip() if line.key in numbers else ""
    return line.title, here, line.wanted, line.verdict(numbers).value


def _shown(number: float) -> str:
    if number == 0:
        return "0"
    if abs(number) < 0.001:
        return f"{number:.1e}"
    return f"{number:.3g}" if abs(number) < 100 else f"{number:,.0f}"


def _notes(report: Report) -> list[str]:
    titles = {line.key: line.title for line in LINES}
    skipped = report.findings.skipped
    notes = [f"skipped: {titles[key]}: {reason}" for key, reason in skipped.items()]
    load, processors = report.machine.load_before, report.machine.processors
    if load is not None and load > _BUSY * processors:
        notes.append(
            f"The machine was busy before this began (load {load:.1f} on {processors} processors): "
            "trust the times little, the ratios somewhat more."
        )
    return ["", *notes] if notes else []
