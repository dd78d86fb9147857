"""Settings of this service, beside those every service has."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from common.runtime.settings import Port, ServiceSettings, WebUrl
from notify.channels.domain import sender_of


def _mailbox(value: str) -> str:
    sender_of(value)
    return value


def _ascii(value: str) -> str:
    if not value.isascii() or any(character in value for character in " <>\r\n"):
        raise ValueError("must be an ASCII URL without spaces")
    return value


class Settings(ServiceSettings):
    """SMTP_HOST empty: mails are queued and wait, the inbox works."""

    api_port: Port = 8003
    metrics_port: Port = 9003

    smtp_host: str = ""
    smtp_port: Port = 25
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    """Refuse to send unless the connection could be encrypted by STARTTLS."""
    smtp_tls: bool = False
    """Speak TLS from the first byte (port 465)."""
    smtp_verify_certificates: bool = True
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    """For one answer of the mail server."""
    smtp_connections: Annotated[int, Field(ge=1, le=100)] = 4
    """At the same time, from one worker."""

    mail_from: Annotated[str, AfterValidator(_mailbox)] = "Members <members@localhost>"
    mail_batch_size: Annotated[int, Field(ge=1, le=500)] = 25
    """Mails a connection takes out of the queue at once; as many may arrive twice when a worker is killed."""
    mail_lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 300.0
    """After this time without a word from a worker its mails are given to another."""
    unsubscribe_url: Annotated[WebUrl, AfterValidator(_ascii)] = ""
    """A page where members change what they hear; `{member_id}` is replaced. Empty: only the mailto: way."""
    notice_stale_after_hours: Annotated[float, Field(ge=0, le=87600)] = 72.0
    """Events older than this are shown in the inbox but not mailed; 0 switches the limit off."""

    @model_validator(mode="after")
    def _lease_is_longer_than_a_mail(self) -> Self:
        if self.mail_lease_seconds <= self.smtp_timeout_seconds:
            raise ValueError("MAIL_LEASE_SECONDS must be more than SMTP_TIMEOUT_SECONDS")
        if self.smtp_starttls and self.smtp_tls:
            raise ValueError("SMTP_STARTTLS and SMTP_TLS exclude one another")
        return self
