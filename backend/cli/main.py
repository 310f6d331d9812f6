"""The command `gavekort`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from backend.cli import accounts as cli_accounts
from backend.cli import cards, review
from backend.cli.accounts import refuse
from backend.core import logs
from backend.core.paths import ROOT
from backend.core.settings import Settings
from backend.limits.proxies import proxy_warning

DEFAULT_DIRECTORY = Path(".gavekort")
_APP = "checkout_ui.checkout_ui:served"
_WEBSOCKET = "checkout_ui.gate.protocol:BoundedWebSocket"
_SANDBOX = "sandbox.card_gateway"
_SHOP = "sandbox.shop"
_NO_SANDBOX = "the sandbox is not installed: run this in a clone of the repository"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("demo", "sandbox", "shop") and find_spec("sandbox") is None:
        return refuse(_NO_SANDBOX)
    if given and given[0] in ("sandbox", "shop"):
        return _other_program(_SANDBOX if given[0] == "sandbox" else _SHOP, given[1:])
    options = _parser().parse_args(given)
    logs.install()
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gavekort",
        description="A checkout where a gift card pays part or all of an order.",
        epilog="Settings come from the environment (GAVEKORT_…), see README.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="run everything on this machine, with test money")
    demo.add_argument(
        "--port",
        type=int,
        default=8000,
        help="the port of the checkout (8000); 0 means any free port",
    )
    demo.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DIRECTORY,
        help="the directory that everything is kept in (.gavekort)",
    )
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="run the checkout: the page and the API")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument(
        "--workers", type=int, default=1, help="number of processes (1); more than one need Redis"
    )
    serve.set_defaults(run=_serve)

    # These are listed for --help. `main` passes their arguments on unread.
    commands.add_parser("sandbox", help="run only the sandbox card gateway", add_help=False)
    commands.add_parser("shop", help="run only the demo shop", add_help=False)

    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(run=_migrate)

    audit = commands.add_parser(
        "audit", help="prove that no money was lost; exit status 1 if some was"
    )
    audit.add_argument("--data-dir", type=Path, help="audit the demo in this directory")
    audit.set_defaults(run=_audit)

    review.register(commands, _database_url)
    cli_accounts.register(commands)
    cards.register(commands)

    build = commands.add_parser(
        "build",
        help="build the page if its sources have changed, and fetch the demo shop's packages",
    )
    build.set_defaults(run=_build)
    return parser


def _other_program(module: str, arguments: list[str]) -> int:
    """Become another program. The sandbox shares no process and no import with the checkout."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


def _demo(options: argparse.Namespace) -> int:
    from backend.demo.run import DemoRefused, run_demo
    from backend.demo.supervisor import ChildFailed, PortTaken, StopRequested
    from backend.frontend import FrontendBuildFailed

    try:
        run_demo(options.port, options.data_dir)
    except StopRequested:
        return 0
    except PortTaken as taken:
        return refuse(f"{taken}. Choose other ports with --port.")
    except DemoRefused as refused:
        return refuse(refused)
    except (ChildFailed, FrontendBuildFailed) as failed:
        print(f"gavekort: {failed}. All of the demo is stopped.", file=sys.stderr)
        return 1
    return 0


def _serve(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from backend.core.database_roles import why_too_mighty
    from backend.frontend import FrontendBuildFailed, ensure_frontend
    from backend.http_server.serve import serve

    try:
        settings = Settings()
    except ValidationError as error:
        return refuse(cli_accounts.what_is_wrong(error))
    if options.workers > 1 and not settings.redis_url:
        return refuse("several workers need Redis for the page's state: set GAVEKORT_REDIS_URL")
    wrong = cli_accounts.cannot_begin(settings)
    if wrong is not None:
        return refuse(wrong)
    try:
        ensure_frontend(ROOT)
    except FrontendBuildFailed as failed:
        return refuse(failed)
    for warning in (
        why_too_mighty(settings.database_url),
        proxy_warning(settings.base_url, settings.trusted_proxy_hops),
    ):
        if warning is not None:
            print(f"gavekort: WARNING: {warning}", file=sys.stderr, flush=True)
    path = settings.sqlite_path()
    if path is not None:
        # The path is relative to the directory of the call, but Reflex finds its build only from
        # the project's root.
        os.environ["GAVEKORT_DATABASE_URL"] = f"sqlite:///{path.resolve()}"
    os.chdir(ROOT)
    # Reflex serves the built page itself and compiles nothing (docs/reference/reflex.md#running).
    os.environ |= {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "1",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "1",
    }
    sys.path.insert(0, str(ROOT))
    serve(_APP, settings, options.host, options.port, options.workers, websocket=_WEBSOCKET)
    return 0


def _database_url(directory: Path | None = None) -> str:
    """Return the URL of the demo's database in `directory`, else the one in the environment. It
    needs no secret."""
    if directory is not None:
        return f"sqlite:///{directory.resolve() / 'gavekort.db'}"
    default: str = Settings.model_fields["database_url"].default
    return os.environ.get("GAVEKORT_DATABASE_URL") or default


def _migrate(options: argparse.Namespace) -> int:
    from backend.core import database_roles
    from backend.core.db import migrate
    from backend.core.schema import why_not_migrate

    serving = _database_url()
    owner = os.environ.get("GAVEKORT_MIGRATION_DATABASE_URL")
    if (wrong := why_not_migrate(owner or serving)) is not None:
        return refuse(wrong)
    if not owner:
        migrate(serving)
        return 0
    try:
        database_roles.check_addresses(owner, serving)
    except database_roles.WrongRoles as mixed:
        return refuse(mixed)
    migrate(owner)
    role = database_roles.grant_to_serving_role(owner, serving)
    if role is not None:
        print(f"gavekort: the database role {role} can serve", file=sys.stderr)
    return 0


def _audit(options: argparse.Namespace) -> int:
    from backend.core.schema import why_not

    url = _database_url(options.data_dir)
    wrong = why_not(url)
    # It has a status of its own, because 1 says that money differs.
    return asyncio.run(_audit_all(url)) if wrong is None else refuse(wrong)


async def _audit_all(url: str) -> int:
    from backend.core.db import Database
    from backend.payments.views.audit import audit_everything

    database = Database(url)
    try:
        found = await audit_everything(database)
    finally:
        await database.close()
    for difference in found:
        print(
            f"{difference.subject}: {difference.what}: expected {difference.expected},"
            f" found {difference.found}"
        )
    print(f"{len(found)} differences" if found else "every card and every transaction balances")
    return 1 if found else 0


def _build(options: argparse.Namespace) -> int:
    from backend.frontend import FrontendBuildFailed, ensure_frontend, ensure_shop_packages

    try:
        ensure_frontend(ROOT)
        ensure_shop_packages(ROOT)
    except FrontendBuildFailed as failed:
        print(f"gavekort: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
