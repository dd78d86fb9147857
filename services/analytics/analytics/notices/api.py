"""Figures of notices."""

from datetime import date

from pydantic import ConfigDict

from analytics.calendar.api import Answer, Over, Snapshot, Span, span_of
from analytics.calendar.domain import MAX_PERIODS, RangeTooLongError
from analytics.notices import handlers
from common.http import ResponseBody, Router, allow, may_answer

router = Router(tags=["notices"])

DEFINITION = (
    "Outcomes of notices by the local day they were decided on, by template, channel and state. sent: the "
    "channel accepted it; failed: the channel refused it for good, or every attempt failed; suppressed: facts "
    "at send time spoke against it. Days without notices are left out; today's numbers are those so far."
)


class NoticeBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    day: date
    template: str
    channel: str
    state: str
    notices: int


class NoticesBody(Answer):
    range: Span
    total: dict[str, int]
    items: list[NoticeBody]


@router.get("/v1/notices/figures", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def notices(over: Over, view: Snapshot) -> NoticesBody:
    """Notices by template, channel, state and day."""
    if over.days > MAX_PERIODS:
        raise RangeTooLongError(periods=over.days)
    found = await handlers.figures(view.tx, over)
    total: dict[str, int] = {}
    for key, number in found:
        total[key.state] = total.get(key.state, 0) + number
    items = [
        NoticeBody(day=key.day, template=key.template, channel=key.channel, state=key.state, notices=number)
        for key, number in found
    ]
    return NoticesBody.model_validate(
        {**view.answer(DEFINITION), "range": span_of(over), "total": total, "items": items}
    )
