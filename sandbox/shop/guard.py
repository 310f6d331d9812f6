"""What protects the shop's pages in a browser: headers, host check, and same-site forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.shop.config import ShopConfig

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class BrowserGuard:
    """ASGI middleware. `unguarded` paths accept a POST from anywhere, for the checkout's
    callback."""

    def __init__(self, app: ASGIApp, config: ShopConfig, unguarded: frozenset[str]) -> None:
        self._app = app
        self._unguarded = unguarded
        # Another name that resolves to this machine is not this shop.
        self._hosts = {urlsplit(config.shop_url).hostname, "localhost", "127.0.0.1", "::1"}
        self._policy, self._paying_policy = _policy(config), _policy(config, paying=True)
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            # The embedded checkout learns our origin from it, and nothing more.
            "Referrer-Policy": "strict-origin-when-cross-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _name_of(headers.get("host", "")) not in self._hosts:
            await PlainTextResponse("not this shop", 421)(scope, receive, send)
            return
        guarded = scope["method"] not in _SAFE and scope["path"] not in self._unguarded
        if guarded and not _from_our_own_page(headers):
            await PlainTextResponse("this form was not sent from the shop", 403)(
                scope, receive, send
            )
            return

        paying = scope["path"].startswith("/orders/") and scope["path"].endswith("/pay")
        policy = self._paying_policy if paying else self._policy

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                ours = {**self._headers, "Content-Security-Policy": policy}
                for name, value in ours.items():
                    # A mail as it came has a stricter policy of its own.
                    sent.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _from_our_own_page(headers: Headers) -> bool:
    """Return whether a form comes from our own page: by Sec-Fetch-Site if the browser sends it,
    else by Origin. Without either it is refused."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def _policy(config: ShopConfig, *, paying: bool = False) -> str:
    """Return the policy. Form targets include the checkout, because browsers check the redirect
    after a form as well. The Web SDK, on the page where one pays, sets the style of its frame and
    its button in place."""
    styles = "'self' 'unsafe-inline'" if paying else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {styles}",
            "script-src 'self'",
            "img-src 'self'",
            f"frame-src {config.checkout_origin}",
            f"form-action 'self' {config.checkout_origin}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
