"""What members is told by its environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from common.runtime.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    api_port: Port = 8001
    metrics_port: Port = 9001

    index_key: SecretStr = SecretStr("")
    """base64url of 32 bytes: what identities are hashed with; empty: the oldest master key."""
    default_phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"
    """ISO 3166: where telephone numbers without country code are."""
    token_lifetime_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    signing_key_life_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """A signing key so old is replaced by a new one."""
    admin_email: str = ""
    admin_password: SecretStr = SecretStr("")
    """The first staff account, made by `migrate` when there is none."""
