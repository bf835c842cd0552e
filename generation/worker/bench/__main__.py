"""Measures what the parent asks for: an order on stdin, a JSON line on stdout for each finding."""

from __future__ import annotations

import json
import os

from generation.bench.plan import Plan
from generation.errors import GenerationError
from generation.worker import lifeline, visible
from generation.worker.__main__ import quieten, take_pipes
from generation.worker.bench.reporter import MeasureError, Reporter
from generation.worker.plain import from_plain


def main() -> None:
    """Measure one part of a plan."""
    requests, replies = take_pipes()
    lifeline.attach()
    quieten()
    order = json.loads(requests.readline())
    plan = from_plain(Plan, order["plan"], [])
    reporter = Reporter(replies)
    visible.hide_other_cards(plan.device, os.environ)
    # After the environment is set.
    from generation.worker.bench.parts import PARTS  # noqa: PLC0415

    try:
        PARTS[order["part"]](plan, reporter)
    except GenerationError as error:
        reporter.tell(broken=error.detail or error.sentence)
    except MeasureError as error:
        reporter.tell(broken=str(error))


if __name__ == "__main__":
    main()
