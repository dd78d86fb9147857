"""Asking why: what a cart would earn, and what a purchase earned, rule by rule."""

from dataclasses import replace
from typing import Annotated

from fastapi import Body, Query

from common.http import Router, Tx, allow, may_answer
from common.http.fields import Key
from points.earning.pricing import pricing
from points.evaluation import handlers
from points.evaluation.bodies import (
    CreditResponse,
    ExplainedResponse,
    GrantResponse,
    SimulatedResponse,
    Simulation,
    earned_response,
    outcome_response,
    person_response,
)
from points.evaluation.sums import total_by

router = Router(tags=["earning rules"])


@router.post(
    "/v1/earning-rules/simulate",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="What a cart would earn, by which rules, and why not by the others; nothing is written",
)
async def simulate(body: Annotated[Simulation, Body()], tx: Tx) -> SimulatedResponse:
    """For a member, or for somebody with the facts that are given; drafts and rules under trial may come in."""
    priced = await pricing(tx)
    published = priced.book
    priced = replace(priced, book=await handlers.trial(tx, published, body.drafts, body))
    settings = priced.settings
    occasion = body.occasion.occasion(
        body.occurred_at or tx.now, on_tax=settings.earn_on_tax, on_delivery=settings.earn_on_delivery
    )
    if body.member_id is not None:
        person = await handlers.person_of(tx, priced, body.member_id, occasion)
    else:
        assert body.person is not None
        person = body.person.person(handlers.nobody(), priced.first_tier)
    found = await handlers.simulate(tx, published, priced, occasion, person)
    evaluation = found.explanation.evaluation
    return SimulatedResponse(
        occurred_at=occasion.occurred_at,
        currency=found.currency,
        basis=occasion.basis,
        person=person_response(person),
        earned=[earned_response(one) for one in evaluation.earned],
        grants=[GrantResponse(template=one.template, rule=one.rule, version=one.version) for one in evaluation.grants],
        published=total_by((one.wallet, one.points) for one in found.published.earned),
        outcomes=[outcome_response(one, found.currency) for one in found.explanation.outcomes],
    )


@router.get(
    "/v1/purchases/explain",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Why a purchase earned what it did: every rule with its figures, or why it gave nothing",
)
async def explain(source: Annotated[Key, Query()], order_id: Annotated[Key, Query()], tx: Tx) -> ExplainedResponse:
    """By the facts that it was priced by, and the rules that were published when it was recorded."""
    found = await handlers.explain_purchase(tx, source, order_id)
    purchase = found.purchase
    return ExplainedResponse(
        source=purchase.source,
        order_id=purchase.order_id,
        member_id=purchase.member_id,
        occurred_at=purchase.occurred_at,
        recorded_at=purchase.recorded_at,
        currency=purchase.currency,
        basis=purchase.basis,
        person=person_response(found.person),
        credited=[
            CreditResponse(wallet=one.wallet, earned=one.earned, taken_back=one.taken_back) for one in found.accruals
        ],
        agrees=found.agrees,
        outcomes=[outcome_response(one, purchase.currency) for one in found.explanation.outcomes],
    )
