"""Roles and what each may do: the whole table.

| role | who | may |
|---|---|---|
| admin | runs the platform | everything |
| operator | runs the programme | everything but staff, clients and the audit log |
| support | speaks with members | see and change members, reveal contact data, reset PINs, see points, resend notices |
| analyst | looks at figures | analytics and the programme's settings, no member |
| auditor | checks | see everything but personal data, verify the ledger, read the audit log; change nothing |
| publisher | another system's client | hand in purchases, nothing else |
| checkout | a till, a web shop, a mini-program | hand in purchases, take PINs, spend points, order rewards, play |

A permission is `noun:verb`. A new one is added here first: `allow(...)` refuses names that are not in this table.
"""

from collections.abc import Iterable

PERMISSIONS = frozenset(
    {
        *("members:read", "members:write", "members:reveal"),
        *("pins:write", "pins:grant", "pins:reset"),
        *("purchases:read", "purchases:write"),
        *("tiers:read", "tiers:write"),
        *("programme:read", "programme:write"),
        *("staff:read", "staff:write"),
        *("clients:read", "clients:write"),
        "points:read",
        *("points:redeem", "points:adjust", "points:approve", "points:transfer", "points:merge", "returns:decide"),
        *("rules:read", "rules:write", "rules:publish"),
        *("rewards:read", "rewards:write", "rewards:order", "rewards:fulfil"),
        *("coupons:read", "coupons:write", "coupons:issue", "coupons:use", "coupons:reveal"),
        *("incentives:read", "incentives:write", "incentives:play", "activities:write"),
        "ledger:verify",
        *("notices:read", "notices:write"),
        *("templates:read", "templates:write"),
        "preferences:write",
        "analytics:read",
        *("dead_letters:read", "dead_letters:write"),
        *("jobs:read", "jobs:write"),
        "audit:read",
    }
)

_OPERATOR = PERMISSIONS - {"staff:read", "staff:write", "clients:read", "clients:write", "audit:read"}
_SUPPORT = frozenset(
    {
        *("members:read", "members:write", "members:reveal", "pins:reset"),
        *("purchases:read", "points:read", "notices:read", "notices:write", "preferences:write"),
        *("tiers:read", "programme:read", "rules:read", "templates:read"),
        *("points:redeem", "points:adjust", "points:transfer"),
        *("rewards:read", "rewards:order", "rewards:fulfil"),
        *("coupons:read", "coupons:issue", "coupons:reveal", "incentives:read"),
    }
)
_ANALYST = frozenset({"analytics:read", "programme:read", "tiers:read", "rules:read"})
_CHECKOUT = frozenset(
    {
        *("pins:write", "pins:grant"),
        *("points:read", "points:redeem", "purchases:write", "activities:write"),
        *(
            "rewards:read",
            "rewards:order",
            "coupons:read",
            "coupons:use",
            "coupons:reveal",
            "incentives:read",
            "incentives:play",
        ),
    }
)
_AUDITOR = frozenset(name for name in PERMISSIONS if name.endswith(":read")) | {"ledger:verify"}

ROLES: dict[str, frozenset[str]] = {
    "admin": PERMISSIONS,
    "operator": _OPERATOR,
    "support": _SUPPORT,
    "analyst": _ANALYST,
    "auditor": _AUDITOR,
    "publisher": frozenset({"purchases:write"}),
    "checkout": _CHECKOUT,
}


def permissions_of(roles: Iterable[str], scope: str | None = None) -> frozenset[str]:
    """What these roles may do together; a scope (names parted by spaces) can only take away.

    Unknown roles give nothing.
    """
    granted: frozenset[str] = frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))
    return granted if scope is None else granted & frozenset(scope.split())
