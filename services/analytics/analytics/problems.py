"""Domain errors and what HTTP says of them."""

from analytics.calendar.domain import RangeReversedError, RangeTooLongError
from common.http import problem

PROBLEMS = {
    RangeReversedError: problem(422, "range_reversed", "The range ends before it begins"),
    RangeTooLongError: problem(422, "range_too_long", "The range has too many periods for one answer"),
}
