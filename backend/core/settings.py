"""Settings from the environment (`GAVEKORT_…`). Times are in seconds."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.limits.rules import LARGEST, overridden


class Settings(BaseSettings):
    """See docs/settings.md. `secret_key` is the only one without a default."""

    model_config = SettingsConfigDict(env_prefix="GAVEKORT_", extra="ignore", allow_inf_nan=False)

    secret_key: SecretStr
    """At least 32 characters. Every other key is derived from it. Without it, card numbers, PINs,
    client secrets and provider credentials cannot be read any more."""
    database_url: str = "sqlite:///.gavekort/gavekort.db"
    """`sqlite:///path` or `postgresql://user@host:port/name`."""
    base_url: str = "http://127.0.0.1:8000"
    """Where payers and merchants reach us, without a trailing slash."""
    allow_insecure_redis: bool = False
    """Allow Redis on another machine without TLS or without a password. Only for a network that
    nobody else can reach."""
    redis_url: str | None = None
    """`rediss://user:password@host:port/0`, or `redis://` on this machine. Whoever can write to it
    can run code here, because it holds the page's states as pickles."""

    session_lifetime: int = Field(default=24 * 3600, gt=0)
    """The lifetime of a session without `expires_at`. Dintero's own default is not documented."""
    pay_lock_lifetime: int = Field(default=300, ge=1)
    """After so many seconds a merchant's lock on a session no longer binds, because its server may
    never come back."""
    token_lifetime: int = Field(default=14400, ge=1200)
    payment_lifetime: int = Field(default=1800, ge=1)
    """How long a payer may stay at the provider before the payment is given up."""
    operation_grace: int = Field(default=120, ge=1)
    """How long one call to a provider may last or still take effect. Before that nobody else takes
    the operation over, and a read that does not show it proves nothing. The connectors' own
    time-outs are shorter."""

    allow_insecure_addresses: bool = False
    """Whether we also send callbacks, webhooks and provider calls to http and private addresses.
    Only for development."""
    allow_insecure_callbacks: bool = False
    """The earlier name of `allow_insecure_addresses`. Either of the two allows it."""
    callback_timeout: float = Field(default=10.0, gt=0)
    express_callback_timeout: float = Field(default=60.0, gt=0)
    callback_attempts: int = Field(default=20, ge=1)
    webhook_timeout: float = Field(default=60.0, gt=0, le=100)
    webhook_attempts: int = Field(default=5, ge=1)
    webhook_failures: int = Field(default=10, ge=1)
    """A webhook subscription is deleted after so many deliveries in a row were given up."""

    sms_url: str | None = None
    """The address of the SMS gateway, which takes messages by POST of JSON (docs/publish.md). None:
    no messages are sent."""
    sms_token: SecretStr | None = None
    """The Bearer token for the SMS gateway."""
    sms_sender: str = Field(default="Gavekort", max_length=16)
    sms_timeout: float = Field(default=5.0, gt=0, le=60)
    sms_attempts: int = Field(default=5, ge=1)

    smtp_url: SecretStr | None = None
    """The mail server that takes receipts: `smtp://user:password@host:587` (STARTTLS) or
    `smtps://…:465`. None: no receipts are sent by mail."""
    smtp_tls: Literal["required", "none"] = "required"
    """`none`: without STARTTLS, for a server on this machine. `smtps` is encrypted anyway."""
    smtp_sender: str = "receipts@localhost"
    """The address that receipts come from. The name beside it is the merchant's."""
    smtp_timeout: float = Field(default=10.0, gt=0, le=25)
    smtp_attempts: int = Field(default=20, ge=1)

    handover_lifetime: int = Field(default=600, ge=30)
    """How long the link to continue on a phone can be opened."""

    pin_tries_per_card_and_source: int = Field(default=10, ge=1)
    """How many wrong PIN attempts one address may make at one card within `pin_tries_window`. An
    address is an IPv4 address or an IPv6 /64; a /56 may make twice as many, a /48 three times as
    many."""
    pin_tries_per_session: int = Field(default=10, ge=1)
    pin_tries_per_card: int = Field(default=50, ge=1)
    """How many wrong PIN attempts all addresses together may make at one card within
    `pin_tries_window`."""
    pin_tries_per_card_life: int = Field(default=200, ge=1)
    """After so many wrong PIN attempts in all, the card has to be unlocked."""
    pin_tries_window: int = Field(default=24 * 3600, ge=60)
    """How long a wrong attempt counts in these budgets, except in the budget of a card's life."""
    pin_first_mistakes_per_source: int = Field(default=100, ge=1)
    """These are the first two wrong attempts of each payer and at each card. After so many of them
    within an hour, all attempts from this address have to wait."""
    pin_repeated_mistakes_per_source: int = Field(default=3, ge=0)
    """These are all further wrong attempts. After so many of them within an hour, further attempts
    from this address have to wait."""
    pin_longest_wait: int = Field(default=300, ge=2, le=3600)
    """The waits are 2, 4, 8 … seconds, and never more than this."""

    remember_lifetime: int = Field(default=365 * 24 * 3600, ge=60)
    """How long a payer who asked for it is remembered. The time begins again with each visit."""
    scc_lifetime: int = Field(default=600, ge=30, le=3600)
    """The lifetime of a confirmation code that is sent by SMS."""
    scc_sends_per_session: int = Field(default=3, ge=1)
    scc_sends_per_phone: int = Field(default=5, ge=1)
    scc_sends_per_source: int = Field(default=20, ge=1)
    scc_tries_per_session: int = Field(default=5, ge=1)
    scc_tries_per_phone: int = Field(default=10, ge=1)
    scc_tries_per_source: int = Field(default=60, ge=1)
    scc_window: int = Field(default=24 * 3600, ge=60)
    """So many seconds after the last code was asked for or tried, its budget is full again."""

    security_contact: str | None = None
    """Where to report a security hole: `mailto:…` or `https://…`. If it is set,
    `/.well-known/security.txt` is served (RFC 9116)."""
    security_policy: str | None = None
    """An https address that says how such reports are handled."""
    sockets: int = Field(default=4000, ge=1)
    """How many open pages one process serves at the same time."""
    sockets_per_source: int = Field(default=200, ge=1)
    socket_messages_per_second: float = Field(default=20, gt=0)
    """For one page. We read more slowly from a page that sends more."""
    socket_messages_per_second_and_source: float = Field(default=200, gt=0)
    """For all pages of one source together. Loading a page counts as ten messages."""
    socket_idle: float = Field(default=30, gt=0)
    """After so many seconds we close a socket whose page shows no session and no shop."""
    socket_log_interval: float = Field(default=60, gt=0)
    """Seconds between two lines in the log that say how much the event socket has dropped."""

    trusted_proxy_hops: int = Field(default=0, ge=0)
    """How many proxies in front of us append to `trusted_proxy_header`."""
    trusted_proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header that the proxies append to. We never read the other header, since anybody can send
    it."""
    limits: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    """Other limits than the defaults, by name or by `name:key`: `{"sessions.client": "9000/60"}`
    is 9000 within 60 seconds. See docs/limits.md."""
    sms_countries: str = "NO,SE,DK,FI,DE,AT"
    """The countries to which messages are sent: ISO 3166 codes with commas between them; `*` is
    everywhere. A profile that lists countries of its own uses those instead."""
    allowed_hosts: str = ""
    """Further host names that requests may be addressed to, besides the one in `base_url`,
    separated by blanks or commas. Numeric addresses and `localhost` are always answered."""
    header_timeout: float = Field(default=10.0, gt=0)
    """How long a client may take to send the whole head of a request."""
    body_timeout: float = Field(default=10.0, gt=0)
    """How long a body may take before it has to arrive with at least `slowest_rate`. The same holds
    for a client that reads our answer."""
    slowest_rate: int = Field(default=2000, ge=1)
    """Bytes per second."""
    connections: int = Field(default=8192, ge=64)
    """How many connections one process holds at most. The system's limit on file descriptors may
    lower it."""
    connections_per_source: int = Field(default=500, ge=8)
    """How many of them may come from one address. It has no effect behind a trusted proxy."""
    worker_interval: float = Field(default=5.0, gt=0)
    """Seconds between two looks for due work that nobody has told us of. This is a safety net:
    whoever writes something due wakes the loop that does it."""

    @field_validator("*")
    @classmethod
    def _not_endless(cls, value: Any) -> Any:
        """Refuse numbers of seconds that would end after the last year that a date can have."""
        if isinstance(value, int | float) and value > LARGEST:
            raise ValueError(f"must be at most {LARGEST}")
        return value

    @field_validator("limits", mode="before")
    @classmethod
    def _read_limits(cls, value: Any) -> Any:
        # The library's own way to read JSON raises an error that does not say which setting it is.
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("must be a JSON object") from error

    @field_validator("limits")
    @classmethod
    def _known_limits(cls, value: dict[str, str]) -> dict[str, str]:
        overridden(value)
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("at least 32 characters")
        return value

    @field_validator("redis_url")
    @classmethod
    def _safe_redis(cls, value: str | None, info: ValidationInfo) -> str | None:
        wrong = why_redis_is_unsafe(value) if value else None
        if wrong is not None and not info.data.get("allow_insecure_redis"):
            raise ValueError(wrong)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        wrong = "must be smtp://host or smtps://host, with a port where it has one"
        try:
            parts = urlsplit(value.get_secret_value()) if value is not None else None
            known = parts is None or (parts.hostname and parts.port != 0)
        except ValueError as error:
            raise ValueError(wrong) from error
        if not known or (parts is not None and parts.scheme not in ("smtp", "smtps")):
            raise ValueError(wrong)
        return value

    @field_validator("sms_countries")
    @classmethod
    def _country_codes(cls, value: str) -> str:
        for code in names_in(value):
            if code != "*" and not (len(code) == 2 and code.isascii() and code.isalpha()):
                raise ValueError("must be codes of two letters, such as NO, or *")
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

    @field_validator("security_contact", "security_policy")
    @classmethod
    def _one_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        schemes = ("https", "mailto") if info.field_name == "security_contact" else ("https",)
        plain = value.isascii() and value.isprintable() and " " not in value
        parts = urlsplit(value) if plain else None
        if parts is None or parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(f"must begin with {' or '.join(f'{name}:' for name in schemes)}")
        return value

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        """Return the address without a slash at its end."""
        wrong = "must be http://host or https://host, with a port where it has one"
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError as error:
            raise ValueError(wrong) from error
        plain = value.isprintable() and " " not in value and port != 0
        if not plain or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(wrong)
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(wrong)
        host_name(parts.hostname)
        return value.rstrip("/")

    @field_validator("allowed_hosts")
    @classmethod
    def _names_alone(cls, value: str) -> str:
        for name in names_in(value):
            if name != "*" and any(sign in name for sign in ":/@?#*"):
                raise ValueError("must be names of hosts, without http:// and without a port")
            host_name(name)
        return value

    @property
    def insecure_addresses(self) -> bool:
        """Return whether we send to http and private addresses."""
        return self.allow_insecure_addresses or self.allow_insecure_callbacks

    def sqlite_path(self) -> Path | None:
        """Return the database's file where it is SQLite."""
        head = "sqlite:///"
        return Path(self.database_url[len(head) :]) if self.database_url.startswith(head) else None


def names_in(value: str) -> list[str]:
    """Return the names in a list with blanks or commas between them."""
    return value.replace(",", " ").split()


def host_name(name: str) -> str:
    """Return a host's name as a browser sends it: lower case, and letters such as `ø` in punycode.

    ValueError for what can be no host's name.
    """
    if name.isascii():
        return name.lower()
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError("this is no name of a host") from error


def why_redis_is_unsafe(url: str) -> str | None:
    """Return what is missing for a Redis that only we can write to, or None.

    A socket file and the loopback address are reached from this machine alone. Anything else needs
    TLS and a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "this is no address"
    if parts.scheme == "unix" and parts.path:
        return None
    if parts.scheme not in ("redis", "rediss") or not host or port == 0:
        return "must be redis://host, rediss://host or unix:///path"
    if host == "localhost" or _is_loopback(host):
        return None
    password = parts.password or parse_qs(parts.query).get("password")
    missing = [
        name
        for name, there in (("TLS (rediss://)", parts.scheme == "rediss"), ("a password", password))
        if not there
    ]
    if not missing:
        return None
    return (
        f"Redis on another machine needs {' and '.join(missing)}, because whoever writes to it runs"
        " code here; GAVEKORT_ALLOW_INSECURE_REDIS=true allows it on a network of your own"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
