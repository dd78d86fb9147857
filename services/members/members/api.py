"""The HTTP doors of all subjects."""

from collections.abc import Mapping
from typing import Any

from common.http import verifier_for
from common.security.tokens import OWN_ALGORITHMS
from common.storage import Database
from members.clients.api import router as clients
from members.directory.api import router as directory
from members.figures.api import router as figures
from members.pins.api import router as pins
from members.programme.api import router as programme
from members.purchases.api import router as purchases
from members.registry.api import router as registry
from members.signing.api import router as signing
from members.signing.handlers import StoredKeys
from members.staff.api import router as staff
from members.submissions.api import router as submissions
from members.tiers.api import router as tiers

ROUTERS = [staff, clients, signing, programme, directory, registry, pins, tiers, purchases, submissions, figures]


def app_options(settings: Any, database: Database) -> Mapping[str, Any]:
    """Tokens of our own are verified with the keys in our own database; those of another issuer as everywhere."""
    outside = {word.strip() for word in settings.token_algorithms.split(",")} - {*OWN_ALGORITHMS, ""}
    return {} if outside else {"verifier": verifier_for(settings, keys=StoredKeys(database))}
