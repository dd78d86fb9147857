"""Roles and what each may do: the whole table.

| role | who | may |
|---|---|---|
| admin | runs the platform | everything |
| operator | runs the programme | everything but staff, clients and the audit log |
| support | speaks with members | see and change members, reveal contact data, see points, see and resend notices |
| analyst | looks at figures | analytics and the programme's settings, no member |
| auditor | checks | see everything but personal data, verify the ledger, read the audit log; change nothing |
| publisher | another system's client | hand in purchases, nothing else |

A permission is `noun:verb`. A new one is added here first: `allow(...)` refuses names that are not in this table.
"""

from collections.abc import Iterable

PERMISSIONS = frozenset(
    {
        *("members:read", "members:write", "members:reveal"),
        *("purchases:read", "purchases:write"),
        *("tiers:read", "tiers:write"),
        *("programme:read", "programme:write"),
        *("staff:read", "staff:write"),
        *("clients:read", "clients:write"),
        "points:read",
        *("rules:read", "rules:write"),
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
        *("members:read", "members:write", "members:reveal"),
        *("purchases:read", "points:read", "notices:read", "notices:write", "preferences:write"),
        *("tiers:read", "programme:read", "rules:read", "templates:read"),
    }
)
_ANALYST = frozenset({"analytics:read", "programme:read", "tiers:read", "rules:read"})
_AUDITOR = frozenset(name for name in PERMISSIONS if name.endswith(":read")) | {"ledger:verify"}

ROLES: dict[str, frozenset[str]] = {
    "admin": PERMISSIONS,
    "operator": _OPERATOR,
    "support": _SUPPORT,
    "analyst": _ANALYST,
    "auditor": _AUDITOR,
    "publisher": frozenset({"purchases:write"}),
}


def permissions_of(roles: Iterable[str], scope: str | None = None) -> frozenset[str]:
    """What these roles may do together; a scope (names parted by spaces) can only take away.

    Unknown roles give nothing.
    """
    granted: frozenset[str] = frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))
    return granted if scope is None else granted & frozenset(scope.split())
