"""The frame of every hosted page: one look, no script, nothing from another host."""

from __future__ import annotations

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

_STYLE = Path(__file__).with_name("page.css")
_HEADERS = {
    # Any http(s) target is allowed, because the redirects after the form end at the merchant's own
    # shop.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:;"
    " form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Pages:
    """Renders templates of `package`, or else of this room. Each needs `t`, its texts."""

    def __init__(self, package: str | None = None) -> None:
        own = [PackageLoader(package)] if package else []
        self._templates = Environment(
            loader=ChoiceLoader([*own, PackageLoader("sandbox.common")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[Route]:
        return [Route("/c/page.css", self._style, methods=["GET"], include_in_schema=False)]

    async def _style(self, request: Request) -> Response:
        return FileResponse(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=300"})

    def render(self, template: str, status: int = 200, **values: object) -> Response:
        # If the provider has a colour of its own, it is a class of the one style sheet.
        html = self._templates.get_template(template).render({"look": "", **values})
        return HTMLResponse(html, status, headers=_HEADERS)


def to(url: str) -> Response:
    """Redirect after a form (303)."""
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
