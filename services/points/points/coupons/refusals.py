"""Why a coupon cannot be issued, shown or taken back. Attributes are facts that may be shown. Pure."""

from datetime import datetime
from uuid import UUID


class CouponRefusedError(Exception):
    """A coupon could not be issued: the base of what rules, rewards and draws must be ready for.

    `code` is the word of the problem details, for lists of errors.
    """

    code = "coupon_refused"


class TemplateUnknownError(CouponRefusedError):
    """No template has this key."""

    code = "unknown_template"

    def __init__(self, template: str) -> None:
        super().__init__(f"No coupon template is called {template}.")
        self.template = template


class TemplateNotActiveError(CouponRefusedError):
    """A draft that was never activated, or an archived template, issues nothing."""

    code = "template_not_active"

    def __init__(self, template: str, state: str) -> None:
        super().__init__(f"Coupon template {template} is {state}: only an active one issues coupons.")
        self.template = template
        self.state = state


class TemplateEndedError(CouponRefusedError):
    """The template's window has ended: a coupon would be expired at once."""

    code = "template_ended"

    def __init__(self, template: str, ended_at: datetime) -> None:
        super().__init__(f"Coupons of template {template} ended at {ended_at.isoformat()}.")
        self.template = template
        self.ended_at = ended_at


class IssueLimitError(CouponRefusedError):
    """As many coupons of the template were issued as may be: `per` is `total` or `member`."""

    code = "issue_limit_reached"

    def __init__(self, template: str, per: str, limit: int, issued: int) -> None:
        whose = "in total" if per == "total" else "per member"
        super().__init__(f"Template {template} issues {limit} coupons {whose}, and {issued} were issued.")
        self.template = template
        self.per = per
        self.limit = limit
        self.issued = issued


class PoolEmptyError(CouponRefusedError):
    """The pool has no code left that nobody has."""

    code = "pool_empty"

    def __init__(self, template: str, pool: str) -> None:
        super().__init__(f"Pool {pool} of coupon template {template} has no code left.")
        self.template = template
        self.pool = pool


class CouponMemberUnknownError(CouponRefusedError):
    """No member with this id is known here."""

    code = "unknown_member"

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"Member {member_id} is not known here.")
        self.member_id = member_id


class CouponUnknownError(Exception):
    """No coupon has this id."""

    def __init__(self, coupon_id: UUID) -> None:
        super().__init__(f"No coupon {coupon_id} is known.")
        self.coupon_id = coupon_id


class CouponStateError(Exception):
    """The coupon is in a state in which this cannot be done to it."""

    def __init__(self, coupon_id: UUID, state: str, wanted: str) -> None:
        super().__init__(f"Coupon {coupon_id} is {state}, not {wanted}.")
        self.coupon_id = coupon_id
        self.state = state
        self.wanted = wanted
