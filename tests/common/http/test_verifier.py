"""The settings say whose tokens are believed, and where the keys are found."""

from collections.abc import Callable

import pytest

from common.http import verifier_for
from common.runtime.settings import ServiceSettings
from common.security.keysets import DiscoveredKeys, FixedKeys, RemoteKeys
from common.security.signing import SigningKey

BASE = {"database_url": "postgresql://nobody@127.0.0.1/none"}


def settings(**more: str) -> ServiceSettings:
    return ServiceSettings.model_validate({**BASE, **more})


async def test_members_keys_are_at_the_well_known_place() -> None:
    keys = verifier_for(settings(token_issuer="https://members.example")).keys
    assert type(keys) is RemoteKeys
    assert await keys.address() == "https://members.example/.well-known/jwks.json"
    given = verifier_for(settings(token_jwks_url="https://keys.example/jwks")).keys
    assert type(given) is RemoteKeys
    assert await given.address() == "https://keys.example/jwks"


def test_an_outside_issuer_is_discovered_and_its_scope_means_nothing() -> None:
    outside = settings(
        token_issuer="https://sso.example",
        token_algorithms="RS256, ES256",
        token_roles_claim="realm_access.roles",
        token_role_map="boss=admin, desk=support",
    )
    verifier = verifier_for(outside)
    assert type(verifier.keys) is DiscoveredKeys
    assert verifier.rules.algorithms == ("RS256", "ES256")
    assert verifier.rules.roles_claim == "realm_access.roles"
    assert verifier.rules.role_map == {"boss": "admin", "desk": "support"}
    assert not verifier.rules.scope_narrows


def test_wrong_settings_are_named() -> None:
    for algorithms in ("none", "HS256", "RS256,HS512"):
        with pytest.raises(ValueError, match="not allowed"):
            verifier_for(settings(token_algorithms=algorithms))
    with pytest.raises(ValueError, match=r"TOKEN_ROLE_MAP.*emperor"):
        verifier_for(settings(token_role_map="boss=emperor"))


async def test_who_has_the_keys_needs_no_address(signing_key: SigningKey, token: Callable[..., str]) -> None:
    own = settings(token_issuer="http://members.test")
    caller = await verifier_for(own, keys=FixedKeys(signing_key.public)).caller(token(role="auditor"))
    assert caller.roles == {"auditor"}
