"""The whole product on one machine by one command: checkout, sandbox providers and demo shop.

Everything lives in one directory: the master secret, the database, the providers' and the shop's
own files, and `demo.json`, which is there only while everything answers.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from backend.core.db import migrate
from backend.core.paths import ROOT
from backend.core.settings import Settings
from backend.demo.providers import PROVIDERS, WALLETS, connections, new_secrets
from backend.demo.seed import (
    ACCOUNT_ID,
    OPTION,
    PROFILE_ID,
    Connections,
    Gateway,
    Seed,
    load_seed,
    save_seed,
    seed_demo,
    write_private,
)
from backend.demo.supervisor import Program, Supervisor, check_port, free_ports, stop_signals
from backend.frontend import ensure_frontend, ensure_shop_packages

HOST = "127.0.0.1"
CARD_GATEWAY_OFFSET = 10
SHOP_OFFSET = 20
MAIL_OFFSET = 21
READY_SECONDS = 60.0
NOTIFICATION_PATH = f"/v1/psp/{ACCOUNT_ID}/{PROFILE_ID}/{OPTION}/notifications"


class DemoRefused(RuntimeError):
    """The demo cannot start here; the text says why."""


@dataclass(frozen=True, slots=True)
class DemoPorts:
    """The ports of the programs, and the directory that everything is kept in. `more`: the ports
    of the other providers, by name."""

    directory: Path
    checkout: int
    card_gateway: int
    shop: int
    mail: int
    more: Mapping[str, int]

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.checkout}"

    @property
    def card_gateway_url(self) -> str:
        return f"http://{HOST}:{self.card_gateway}"

    @property
    def more_urls(self) -> dict[str, str]:
        return {name: f"http://{HOST}:{port}" for name, port in self.more.items()}

    @property
    def shop_url(self) -> str:
        return f"http://{HOST}:{self.shop}"

    @property
    def sms_url(self) -> str:
        """Return the page that shows the text messages, which is in the shop's program."""
        return f"{self.shop_url}/sms"

    @property
    def mail_url(self) -> str:
        """Return the page that shows the e-mails, which is in the shop's program. They arrive at
        the port `mail`."""
        return f"{self.shop_url}/mail"


def run_demo(port: int, directory: Path) -> None:
    """Run until stopped. `port` 0 means any free ports. Raises StopRequested at the end, and
    DemoRefused, PortTaken, ChildFailed or FrontendBuildFailed if something is wrong."""
    places = _places(port, directory.resolve())
    os.umask(0o077)  # for the children as well: only this user can read what they write
    with stop_signals(), _only_demo_in(places.directory), Supervisor() as children:
        summary = places.directory / "demo.json"
        summary.unlink(missing_ok=True)
        try:
            facts = _start(places, children)
            write_private(summary, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
            _tell(places, facts)
            children.watch()
        finally:
            summary.unlink(missing_ok=True)


def _start(places: DemoPorts, children: Supervisor) -> dict[str, Any]:
    """Start all programs, each as early as possible, and wait until all answer."""
    providers = [_card_gateway(places), *_more_providers(places)]
    for provider in providers:
        children.start(provider)
    ensure_frontend(ROOT)
    ensure_shop_packages(ROOT)
    environment = _checkout_environment(places)
    migrate(environment["GAVEKORT_DATABASE_URL"])
    checkout = _checkout(places, environment)
    children.start(checkout)
    for provider in providers:
        children.wait_ready(provider, READY_SECONDS)
    facts = _seed(places, environment)
    write_private(places.directory / "shop.json", json.dumps(facts, indent=2, ensure_ascii=False))
    shop = _shop(places)
    children.start(shop)
    for program in (shop, checkout):
        children.wait_ready(program, READY_SECONDS)
    return facts


def _places(port: int, directory: Path) -> DemoPorts:
    if port == 0:
        checkout, card_gateway, shop, mail, *others = free_ports(HOST, 4 + len(PROVIDERS))
        more = {one.name: other for one, other in zip(PROVIDERS, others, strict=True)}
        return DemoPorts(directory, checkout, card_gateway, shop, mail, more)
    more = {one.name: port + one.offset for one in PROVIDERS}
    places = DemoPorts(
        directory, port, port + CARD_GATEWAY_OFFSET, port + SHOP_OFFSET, port + MAIL_OFFSET, more
    )
    for number, name in (
        (places.checkout, "the checkout"),
        (places.card_gateway, "the sandbox of the card gateway"),
        *((more[one.name], f"the sandbox of {one.label}") for one in PROVIDERS),
        (places.shop, "the demo shop"),
        (places.mail, "the demo's mail server"),
    ):
        if not 0 < number < 65536:
            raise DemoRefused(f"port {number}, wanted by {name}, does not exist")
        check_port(HOST, number, name)
    return places


@contextmanager
def _only_demo_in(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    with _lock_file(directory) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRefused(f"another demo runs in {directory}") from error
        yield


def _lock_file(directory: Path) -> IO[str]:
    # The children do not inherit it, so the lock ends with this process.
    return (directory / "demo.lock").open("w", encoding="utf-8")


def _master_secret(directory: Path) -> str:
    path = directory / "secret.key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        write_private(path, secrets.token_urlsafe(48) + "\n")
        return path.read_text(encoding="utf-8").strip()


def _others_environment() -> dict[str, str]:
    """Return the environment of the providers and the shop, which get none of our settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GAVEKORT_")}


def _checkout_environment(places: DemoPorts) -> dict[str, str]:
    """Return the checkout's environment. A database, Redis and limits that are set outside are
    kept, so that the demo runs on them too."""
    return {
        "GAVEKORT_DATABASE_URL": f"sqlite:///{places.directory / 'gavekort.db'}",
        **os.environ,
        "GAVEKORT_SECRET_KEY": _master_secret(places.directory),
        "GAVEKORT_BASE_URL": places.base_url,
        "GAVEKORT_ALLOW_INSECURE_ADDRESSES": "true",
        "GAVEKORT_SMS_URL": f"{places.sms_url}/messages",
        "GAVEKORT_SMTP_URL": f"smtp://{HOST}:{places.mail}",
        "GAVEKORT_SMTP_TLS": "none",
        "GAVEKORT_SMTP_SENDER": "receipts@gavekort.example",
    }


def _checkout(places: DemoPorts, environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "backend.cli.main", "serve"]
    return Program(
        "the checkout",
        [*command, "--host", HOST, "--port", str(places.checkout)],
        environment,
        f"{places.base_url}/ping",
    )


def _card_gateway(places: DemoPorts) -> Program:
    command = [sys.executable, "-m", "sandbox.card_gateway"]
    folder = str(places.directory / "acquirer")
    return Program(
        "the sandbox of the card gateway",
        [*command, "--host", HOST, "--port", str(places.card_gateway), "--data-dir", folder],
        _others_environment(),
        f"{places.card_gateway_url}/",
    )


def _more_providers(places: DemoPorts) -> list[Program]:
    return [
        Program(
            f"the sandbox of {one.label}",
            [
                sys.executable,
                "-m",
                f"sandbox.{one.name}",
                "--host",
                HOST,
                "--port",
                str(places.more[one.name]),
                "--data-dir",
                str(places.directory / one.name),
            ],
            _others_environment(),
            f"{places.more_urls[one.name]}/_admin/health",
        )
        for one in PROVIDERS
    ]


def _shop(places: DemoPorts) -> Program:
    command = [sys.executable, "-m", "sandbox.shop", "--host", HOST]
    config = str(places.directory / "shop.json")
    return Program(
        "the demo shop",
        [*command, "--port", str(places.shop), "--config", config],
        _others_environment(),
        f"{places.shop_url}/healthz",
    )


def _seed(places: DemoPorts, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of `demo.json`, after the database has been brought to it."""
    path = places.directory / "seed.json"
    seed = load_seed(path)
    seed.provider_secrets = new_secrets(seed.provider_secrets)
    _register_webhook(places, seed)
    save_seed(path, seed)
    gateway = Gateway(places.card_gateway_url, seed.gateway_key, seed.webhook_secret)
    settings = Settings(
        secret_key=environment["GAVEKORT_SECRET_KEY"],
        database_url=environment["GAVEKORT_DATABASE_URL"],
        base_url=places.base_url,
    )
    others = connections(places.more_urls, seed.provider_secrets)
    wallets = connections(places.more_urls, seed.provider_secrets, WALLETS)
    _register_merchants(places, others | wallets)
    asyncio.run(
        seed_demo(
            settings,
            seed,
            Connections(gateway, others, wallets),
            places.shop_url,
            lambda s: save_seed(path, s),
        )
    )
    return {
        "base_url": places.base_url,
        "shop_url": places.shop_url,
        "sms_url": places.sms_url,
        "mail_url": places.mail_url,
        "smtp_port": places.mail,
        "account_id": ACCOUNT_ID,
        "client_id": seed.client_id,
        "client_secret": seed.client_secret,
        "profile_id": PROFILE_ID,
        "gift_cards": seed.gift_cards,
    }


def _register_webhook(places: DemoPorts, seed: Seed) -> None:
    """Tell the card gateway where its notifications go; it gives the signing secret only once."""
    url = places.base_url + NOTIFICATION_PATH
    with httpx.Client(base_url=places.card_gateway_url, timeout=10.0) as http:
        http.headers["Authorization"] = f"Bearer {seed.gateway_key}"
        if seed.webhook_id:
            known = http.get(f"/v1/webhook_endpoints/{seed.webhook_id}")
            if known.is_success and known.json()["url"] == url:
                return
            http.delete(f"/v1/webhook_endpoints/{seed.webhook_id}")
        made = http.post("/v1/webhook_endpoints", data={"url": url, "enabled_events[0]": "*"})
        made.raise_for_status()
        endpoint = made.json()
    seed.webhook_id, seed.webhook_url = endpoint["id"], url
    seed.webhook_secret = endpoint["secret"]


def _register_merchants(places: DemoPorts, others: Mapping[str, Mapping[str, str]]) -> None:
    """Enter what one types into a provider's own administration."""
    for one in PROVIDERS:
        if one.register is not None:
            url = places.more_urls[one.name] + one.register
            httpx.post(url, json=dict(others[one.options[0]]), timeout=10.0).raise_for_status()


def _tell(places: DemoPorts, facts: dict[str, Any]) -> None:
    lines = [
        "",
        f"  Demo shop   {places.shop_url}",
        f"  Checkout    {places.base_url}",
        f"  Gateway     {places.card_gateway_url}",
        *(f"  {one.label:11} {places.more_urls[one.name]}" for one in PROVIDERS),
        f"  Messages    {places.sms_url}/",
        f"  Mailbox     {places.mail_url}/",
        f"  Facts       {places.directory / 'demo.json'}",
        "",
        "  Gift cards: number               PIN    issued with",
    ]
    for card in facts["gift_cards"]:
        number = " ".join(card["number"][i : i + 4] for i in range(0, len(card["number"]), 4))
        amount = f"{card['amount'] // 100}.{card['amount'] % 100:02d} {card['currency']}"
        lines.append(f"              {number:20} {card['pin']:6} {amount:>12}  {card['note']}")
    lines += ["", "  Bank cards are listed on the card gateway's page. Ctrl-C stops it all.", ""]
    print("\n".join(lines), flush=True)
