"""What coupons come to on a cart: sums agree, nothing is paid twice, the order of typing makes no difference."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.coupon_checkout.domain import Cart, Line, Offer, Quote, quote
from points.coupon_checkout.words import REASONS, texts
from points.coupon_templates.domain import Limits, Terms, combinable
from points.coupons.domain import Coupon
from tests.points.coupons.world import NOW

WANG = UUID(int=1)
AMOUNTS = st.integers(0, 1_000_000)
LINES = st.builds(Line, sku=st.sampled_from("abc"), category=st.sampled_from("xy"), quantity=st.just(1), amount=AMOUNTS)
CARTS = st.builds(
    Cart,
    member_id=st.just(WANG),
    channel=st.just(""),
    shop=st.just(""),
    lines=st.lists(LINES, min_size=1, max_size=6).map(tuple),
    shipping=st.integers(0, 5_000),
)


def coupon(number: int = 1, **facts: Any) -> Coupon:
    known: dict[str, Any] = dict.fromkeys(Coupon._fields, "")
    known |= {"coupon_id": UUID(int=number), "template": f"t{number}", "version": 1, "member_id": WANG}
    known |= {"state": "active", "issued_at": NOW, "valid_from": NOW, "expires_at": None, "notice_at": None}
    known |= {"used_by": None, "locked_until": None, "used_at": None, "discount": 0}
    return Coupon(**known | facts)


def terms(kind: str = "amount", **facts: Any) -> Terms:
    if kind == "amount":
        facts = {"amount": 10_00} | facts
    return Terms(kind=kind, **facts)


def offer(number: int = 1, **facts: Any) -> Offer:
    return Offer(coupon=coupon(number), terms=terms(**facts))


def cart(*amounts: int, shipping: int = 0, **facts: Any) -> Cart:
    lines = tuple(Line(sku=f"s{n}", category=f"c{n}", quantity=1, amount=one) for n, one in enumerate(amounts))
    return replace(Cart(member_id=WANG, channel="", shop="", lines=lines, shipping=shipping), **facts)


def off(found: Quote) -> list[int]:
    return [one.discount for one in found.applied]


TERMS = st.one_of(
    st.builds(Terms, kind=st.just("amount"), amount=st.integers(1, 500_000)),
    st.builds(
        Terms,
        kind=st.just("percent"),
        hundredths=st.integers(1, 10_000),
        cap=st.none() | st.integers(1, 100_000),
        skus=st.frozensets(st.sampled_from("abc"), max_size=2),
    ),
    st.builds(Terms, kind=st.just("shipping"), amount=st.none() | st.integers(1, 3_000)),
    st.builds(Terms, kind=st.just("gift"), gift_sku=st.just("g"), gift_quantity=st.just(1)),
)
STACKING = st.tuples(
    st.sampled_from("pq"), st.frozensets(st.sampled_from("pq*"), max_size=2), st.booleans(), st.integers(-1, 1)
)


@st.composite
def offers(draw: st.DrawFn) -> list[Offer]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        group, others, exclusive, priority = draw(STACKING)
        kind = replace(
            draw(TERMS), group=group, combines_with=others, exclusive=exclusive and number == 0, priority=priority
        )
        found.append(Offer(coupon=coupon(number + 1), terms=kind))
    return found


@given(CARTS, offers())
def test_line_discounts_add_up_and_never_exceed_what_is_there(basket: Cart, given_: list[Offer]) -> None:
    found = quote(basket, given_, NOW)
    by_line = [sum(one.by_line[place] for one in found.applied) for place in range(len(basket.lines))]
    shipping = sum(one.shipping for one in found.applied)
    assert sum(by_line) + shipping == found.discount == sum(off(found))
    assert all(0 <= taken <= line.amount for taken, line in zip(by_line, basket.lines, strict=True))
    assert 0 <= shipping <= basket.shipping


@given(CARTS, offers())
def test_each_coupon_stays_within_its_own_terms(basket: Cart, given_: list[Offer]) -> None:
    known = {one.coupon.coupon_id: one.terms for one in given_}
    for one in quote(basket, given_, NOW).applied:
        mine = known[one.coupon.coupon_id]
        lines = [line.amount for line in basket.lines if not mine.skus or line.sku in mine.skus]
        most = {"amount": mine.amount, "percent": sum(lines) * mine.hundredths // 10_000, "gift": 0}.get(
            mine.kind, mine.amount if mine.amount is not None else basket.shipping
        )
        assert one.discount <= (most if most is not None else 0)
        assert mine.cap is None or one.discount <= mine.cap


@given(CARTS, offers(), st.randoms(use_true_random=False))
def test_order_of_typing_makes_no_difference(basket: Cart, given_: list[Offer], random: Any) -> None:
    shuffled = list(given_)
    random.shuffle(shuffled)
    assert quote(basket, shuffled, NOW) == quote(basket, given_, NOW)


@given(CARTS, offers())
def test_what_applies_together_may_be_combined_and_the_rest_says_why_not(basket: Cart, given_: list[Offer]) -> None:
    found = quote(basket, given_, NOW)
    known = {one.coupon.coupon_id: one.terms for one in given_}
    chosen = [one.coupon.coupon_id for one in found.applied]
    assert all(
        combinable(known[one], known[other]) for place, one in enumerate(chosen) for other in chosen[place + 1 :]
    )
    assert {*chosen, *found.refused} == set(known)
    assert not set(chosen) & set(found.refused)
    for one in given_:
        assert found.discount >= quote(basket, [one], NOW).discount


@given(CARTS, offers())
def test_what_applies_comes_to_the_same_without_the_rest(basket: Cart, given_: list[Offer]) -> None:
    """Lock and use take only coupons that apply: they must come to what validate said."""
    found = quote(basket, given_, NOW)
    chosen = {one.coupon.coupon_id for one in found.applied}
    again = quote(basket, [one for one in given_ if one.coupon.coupon_id in chosen], NOW)
    assert again.applied == found.applied
    assert not again.refused


def test_percent_comes_before_amount_and_is_capped() -> None:
    both = [offer(1, combines_with=frozenset("*")), offer(2, kind="percent", hundredths=1000, combines_with={"*"})]
    found = quote(cart(200_00), both, NOW)
    assert [(one.coupon.template, one.discount) for one in found.applied] == [("t2", 20_00), ("t1", 10_00)]
    capped = [both[0], replace(both[1], terms=replace(both[1].terms, cap=5_00))]
    assert off(quote(cart(200_00), capped, NOW)) == [5_00, 10_00]


def test_priority_turns_the_order_round() -> None:
    both = [
        offer(1, amount=100_00, combines_with=frozenset("*"), priority=1),
        offer(2, kind="percent", hundredths=1000, combines_with=frozenset("*")),
    ]
    assert off(quote(cart(200_00), both, NOW)) == [100_00, 10_00]


def test_percent_is_rounded_down() -> None:
    assert off(quote(cart(9_99), [offer(kind="percent", hundredths=1250)], NOW)) == [124]


def test_exclusive_coupon_wins_only_when_it_is_worth_more() -> None:
    small = [offer(1, amount=10_00, combines_with={"*"}), offer(2, amount=15_00, combines_with={"*"})]
    for amount, winners in ((30_00, {"t3"}), (20_00, {"t1", "t2"})):
        found = quote(cart(100_00), [*small, offer(3, amount=amount, exclusive=True)], NOW)
        assert {one.coupon.template for one in found.applied} == winners
        assert {no.reason for no in found.refused.values()} == {"not_combinable"}


def test_both_sides_must_allow_the_combination() -> None:
    one = offer(1, group="a", combines_with=frozenset("b"), amount=5_00)
    other = offer(2, group="b", amount=6_00)
    found = quote(cart(100_00), [one, other], NOW)
    assert [applied.coupon.template for applied in found.applied] == ["t2"]
    assert found.refused[UUID(int=1)].facts == {"with": ["t2"]}


def test_gift_goes_along_and_counts_by_its_value() -> None:
    gift = offer(1, kind="gift", gift_sku="mug", gift_quantity=2, gift_value=12_00)
    found = quote(cart(50_00), [gift, offer(2)], NOW)
    assert [(one.gift_sku, one.gift_quantity, one.discount) for one in found.applied] == [("mug", 2, 0)]


def test_discount_falls_only_on_eligible_lines() -> None:
    found = quote(cart(10_00, 20_00, 30_00), [offer(categories=frozenset({"c1", "c2"}), not_skus={"s2"})], NOW)
    assert found.applied[0].by_line == (0, 10_00, 0)


def test_shipping_coupon_pays_up_to_its_amount() -> None:
    assert off(quote(cart(50_00, shipping=8_00), [offer(kind="shipping")], NOW)) == [8_00]
    assert off(quote(cart(50_00, shipping=8_00), [offer(kind="shipping", amount=5_00)], NOW)) == [5_00]


@pytest.mark.parametrize(
    ("reason", "facts", "made", "basket"),
    [
        ("not_yours", {}, offer(), cart(50_00, member_id=UUID(int=9))),
        ("expired", {"expires_at": NOW}, offer(), cart(50_00)),
        ("locked", {"state": "locked", "locked_until": NOW + timedelta(minutes=1)}, offer(), cart(50_00)),
        ("already_used", {"state": "used"}, offer(), cart(50_00)),
        ("revoked", {"state": "revoked"}, offer(), cart(50_00)),
        ("not_yet_valid", {"valid_from": NOW + timedelta(seconds=1)}, offer(), cart(50_00)),
        ("member_needed", {}, offer(holder="any", limits=Limits(used_per_member=1)), cart(50_00, member_id=None)),
        ("wrong_channel", {}, offer(channels={"app"}), cart(50_00, channel="web")),
        ("wrong_shop", {}, offer(shops={"sh1"}), cart(50_00, shop="sh2")),
        ("no_eligible_lines", {}, offer(skus={"other"}), cart(50_00)),
        ("below_minimum", {}, offer(minimum_amount=60_00), cart(50_00)),
        ("below_minimum", {}, offer(minimum_amount=60_00, minimum_of="eligible", skus={"s0"}), cart(50_00, 50_00)),
        ("no_shipping", {}, offer(kind="shipping"), cart(50_00)),
        ("use_limit_reached", {}, replace(offer(), room=0, limit="total"), cart(50_00)),
        ("nothing_left", {}, offer(), cart(0)),
    ],
)
def test_refusal_names_its_reason_in_both_languages(
    reason: str, facts: dict[str, Any], made: Offer, basket: Cart
) -> None:
    found = quote(basket, [replace(made, coupon=made.coupon._replace(**facts))], NOW)
    no = found.refused[made.coupon.coupon_id]
    assert (no.reason, found.applied) == (reason, ())
    chinese, english = texts(no.reason, no.facts, "CNY")
    assert chinese
    assert english
    assert "{" not in chinese + english


def test_minimum_says_how_much_is_missing_in_money() -> None:
    no = quote(cart(50_00), [offer(minimum_amount=60_05)], NOW).refused[UUID(int=1)]
    assert no.facts == {"minimum": 60_05, "amount": 50_00, "missing": 10_05}
    assert texts(no.reason, no.facts, "CNY")[0] == "未达到使用门槛：满 60.05 可用，还差 10.05"
    assert texts(no.reason, no.facts, "JPY")[1] == "The minimum is 6005: 1005 are missing."


def test_every_reason_has_words() -> None:
    assert {"code_unknown", "code_mistyped", "coupon_unknown", "given_twice", "applies"} <= REASONS


def test_overdue_lock_stands_in_nobodys_way() -> None:
    held = coupon(state="locked", order_id="o", locked_until=NOW)
    assert off(quote(cart(50_00), [Offer(coupon=held, terms=terms())], NOW)) == [10_00]
