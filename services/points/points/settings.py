"""What points is told by its environment."""

from pydantic import SecretStr

from common.runtime.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    api_port: Port = 8002
    metrics_port: Port = 9002
    index_key: SecretStr = SecretStr("")
    """base64url of 32 bytes: what coupon codes are found by; empty: the oldest master key."""
