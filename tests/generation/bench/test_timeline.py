"""Starts and gaps, from what a watched worker wrote down."""

from __future__ import annotations

from generation.bench import timeline
from generation.bench.timeline import Call


def call(part: str, began: float, ended: float) -> Call:
    return Call(part=part, began=began, ended=ended)


def test_what_is_written_is_read_back_in_order() -> None:
    calls = [call("text_encoder", 1.0, 1.5), call("denoiser", 2.0, 3.25), call("decoder", 4.0, 5.0)]
    text = "".join(timeline.line_of(one) for one in reversed(calls))
    assert timeline.read(text) == calls


def test_a_line_that_is_still_being_written_is_left_out() -> None:
    text = timeline.line_of(call("denoiser", 1.0, 2.0))
    assert timeline.read(text + "denoiser 2.00") == [call("denoiser", 1.0, 2.0)]


def test_a_delay_is_the_time_to_the_first_call_after_the_submission() -> None:
    calls = [call("text_encoder", 1.25, 1.5), call("denoiser", 2.0, 3.0), call("denoiser", 9.5, 10)]
    assert timeline.delays([1.0, 9.0, 11.0], calls) == [0.25, 0.5]


def test_a_gap_lies_between_a_picture_and_the_next_jobs_first_call() -> None:
    calls = [
        call("denoiser", 0.0, 1.0),
        call("decoder", 1.0, 2.0),
        call("denoiser", 2.5, 3.0),
        call("decoder", 3.0, 4.0),
    ]
    assert timeline.gaps(calls) == [0.5]


def test_jobs_that_overlap_leave_no_gap() -> None:
    calls = [call("denoiser", 0.0, 3.0), call("decoder", 1.0, 2.0), call("denoiser", 2.5, 3.0)]
    assert timeline.gaps(calls) == [0.0]
