"""How fast Easel is on this machine: what is measured, what is wanted, and the report.

What needs torch is measured in a child process, by ``generation.worker.bench``.
"""

from generation.bench.findings import Findings
from generation.bench.plan import FEWEST_JOBS, JOBS, Plan
from generation.bench.program import BenchError, measure
from generation.bench.report import Report, as_json, as_table

__all__ = [
    "FEWEST_JOBS",
    "JOBS",
    "BenchError",
    "Findings",
    "Plan",
    "Report",
    "as_json",
    "as_table",
    "measure",
]
