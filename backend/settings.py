"""Settings, from the environment (`GAVEKORT_…`). Times in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """See README, "Settings". `secret_key` is the only one without a default."""

    model_config = SettingsConfigDict(env_prefix="GAVEKORT_", extra="ignore")

    secret_key: SecretStr
    """At least 32 characters; every other key is derived from it. Losing it makes card numbers,
    PINs, client secrets and provider credentials unreadable."""
    database_url: str = "sqlite:///.gavekort/gavekort.db"
    """`sqlite:///path` or `postgresql://user@host:port/name`."""
    base_url: str = "http://127.0.0.1:8000"
    """Where payers and merchants reach us, without a trailing slash."""
    redis_url: str | None = None
    environment: str = "production"

    session_lifetime: int = Field(default=24 * 3600, gt=0)
    """Of a session without `expires_at`. Dintero's own default is not documented."""
    pay_lock_lifetime: int = Field(default=300, ge=1)
    """After this a merchant's lock on a session no longer binds: its server never came back."""
    token_lifetime: int = Field(default=14400, ge=1200)
    payment_lifetime: int = Field(default=1800, ge=1)
    """How long a payer may stay at the provider before the payment is given up."""
    operation_grace: int = Field(default=120, ge=1)
    """How long one call to a provider may last or still take effect. Before that nobody else takes
    its operation over, and a read that does not show it says nothing. The connectors' own time-outs
    stay below it."""

    allow_insecure_callbacks: bool = False
    """Callbacks to http and to private addresses. For development only."""
    callback_timeout: float = Field(default=10.0, gt=0)
    express_callback_timeout: float = Field(default=60.0, gt=0)
    callback_attempts: int = Field(default=20, ge=1)
    webhook_timeout: float = Field(default=60.0, gt=0, le=100)
    webhook_attempts: int = Field(default=5, ge=1)
    webhook_failures: int = Field(default=10, ge=1)
    """A webhook subscription is deleted after so many deliveries, one after the other, that were
    given up."""

    sms_url: str | None = None
    """Where the SMS gateway takes messages (POST of JSON, docs/publish.md); None: none are sent."""
    sms_token: SecretStr | None = None
    """Sent to it as a Bearer token."""
    sms_sender: str = Field(default="Gavekort", max_length=16)
    sms_timeout: float = Field(default=5.0, gt=0, le=60)
    sms_attempts: int = Field(default=5, ge=1)

    smtp_url: SecretStr | None = None
    """The mail server that takes receipts: `smtp://user:password@host:587` (STARTTLS) or
    `smtps://…:465`; None: none are sent."""
    smtp_tls: Literal["required", "none"] = "required"
    """`none`: without STARTTLS, for a server on this machine. `smtps` is encrypted anyway."""
    smtp_sender: str = "receipts@localhost"
    """The address that receipts come from; the name beside it is the merchant's."""
    smtp_timeout: float = Field(default=10.0, gt=0, le=25)
    smtp_attempts: int = Field(default=20, ge=1)

    handover_lifetime: int = Field(default=600, ge=30)
    """How long the link to go on on a phone can be opened."""

    pin_tries_per_card: int = Field(default=10, ge=1)
    pin_tries_per_session: int = Field(default=10, ge=1)
    pin_tries_per_source: int = Field(default=60, ge=1)
    pin_tries_window: int = Field(default=24 * 3600, ge=60)
    """After this many seconds without a wrong try a card's, or a source's, budget is whole."""

    remember_lifetime: int = Field(default=365 * 24 * 3600, ge=60)
    """How long a payer who wanted it is remembered after the last time they said so."""
    scc_lifetime: int = Field(default=600, ge=30, le=3600)
    """Of a confirmation code by SMS."""
    scc_sends_per_session: int = Field(default=3, ge=1)
    scc_sends_per_phone: int = Field(default=5, ge=1)
    scc_sends_per_source: int = Field(default=20, ge=1)
    scc_tries_per_session: int = Field(default=5, ge=1)
    scc_tries_per_phone: int = Field(default=10, ge=1)
    scc_tries_per_source: int = Field(default=60, ge=1)
    scc_window: int = Field(default=24 * 3600, ge=60)
    """After this many seconds without a code asked for, or tried, its budget is whole."""

    trusted_proxy_hops: int = Field(default=0, ge=0)
    """How many proxies in front of us append to X-Forwarded-For."""
    allowed_hosts: str = ""
    """Further host names that requests may be addressed to, beside the one in `base_url`, with
    blanks or commas between them. Addresses in digits and `localhost` are always answered."""
    header_timeout: float = Field(default=10.0, gt=0)
    """How long a client may take to send the whole head of a request."""
    body_timeout: float = Field(default=10.0, gt=0)
    """How long a body may take before it has to arrive with at least `slowest_rate`; likewise an
    answer that the client takes."""
    slowest_rate: int = Field(default=2000, ge=1)
    """Bytes a second."""
    connections: int = Field(default=8192, ge=64)
    """How many connections one process holds at most, as far as the system's hard limit of file
    descriptors allows it."""
    connections_per_source: int = Field(default=500, ge=8)
    """How many of them may come from one address. It does not count behind a trusted proxy."""
    worker_interval: float = Field(default=1.0, gt=0)
    """How often due work is looked for."""

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("at least 32 characters")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value is not None else None
        if parts is not None and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("must be smtp://host or smtps://host")
        return value

    @field_validator("smtp_sender")
    @classmethod
    def _mail_address(cls, value: str) -> str:
        try:
            if not value.endswith("@localhost"):
                validate_email(value, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError("must be an e-mail address") from error
        return value

    @field_validator("base_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    def sqlite_path(self) -> Path | None:
        """The database's file where it is SQLite."""
        head = "sqlite:///"
        return Path(self.database_url[len(head) :]) if self.database_url.startswith(head) else None
