"""Images of the ways to pay, for shops' own pages. Anybody may ask for them, and may cache them.

Source: `docs/reference/dintero-api.md#the-payers-page`; `docs/branding.md`.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

from fastapi import Request, Response

from backend.api.body import open_router
from backend.api.deps import Context
from backend.branding import png, svg
from backend.branding.address import ImageRequest, Kind, read
from backend.branding.marks import of_names
from backend.branding.picture import Picture
from backend.branding.profile import profile_marks
from backend.core.context import Backend

router = open_router()
_LOOKS: Final = "/variant/{variant}/color/{color}/width/{width}/{template}"
_TYPES: Final = {Kind.SVG: "image/svg+xml", Kind.PNG: "image/png"}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The image",
        "content": {kind: {"schema": {"type": "string"}} for kind in _TYPES.values()},
    },
    304: {"description": "The caller has it already"},
}
_FOR_A_DAY = "public, max-age=86400"
_FOR_MINUTES = "public, max-age=600, stale-while-revalidate=86400"
"""A profile's ways to pay may change. Then the image on the shop's pages must follow soon."""


@router.get("/branding/logos/{logos}" + _LOOKS, response_class=Response, responses=_ANSWERS)
async def logos_image(
    logos: str,
    variant: str,
    color: str,
    width: str,
    template: str,
    request: Request,
    ctx: Context,
) -> Response:
    """Return an image of the ways to pay that `logos` lists, separated by `_`."""
    path = f"logos/{logos}/variant/{variant}/color/{color}/width/{width}/{template}"
    return await _answer(ctx, request, path)


@router.get("/branding/profiles/{profile_id}" + _LOOKS, response_class=Response, responses=_ANSWERS)
async def profile_image(
    profile_id: str,
    variant: str,
    color: str,
    width: str,
    template: str,
    request: Request,
    ctx: Context,
) -> Response:
    """Return an image of the ways to pay that a profile offers."""
    path = f"profiles/{profile_id}/variant/{variant}/color/{color}/width/{width}/{template}"
    return await _answer(ctx, request, path)


@router.get(
    "/branding/accounts/{account_id}/profiles/{profile_id}" + _LOOKS,
    response_class=Response,
    responses=_ANSWERS,
)
async def account_profile_image(
    account_id: str,
    profile_id: str,
    variant: str,
    color: str,
    width: str,
    template: str,
    request: Request,
    ctx: Context,
) -> Response:
    """Return an image of the ways to pay that a profile of this account offers."""
    head = f"accounts/{account_id}/profiles/{profile_id}"
    path = f"{head}/variant/{variant}/color/{color}/width/{width}/{template}"
    return await _answer(ctx, request, path)


@router.get("/branding/{path:path}", response_class=Response, include_in_schema=False)
@router.head("/branding/{path:path}", response_class=Response, include_in_schema=False)
async def image(path: str, request: Request, ctx: Context) -> Response:
    """Answer the other forms that shops' extensions use: with empty parts, in an older order, or
    with HEAD."""
    return await _answer(ctx, request, path)


async def _answer(ctx: Backend, request: Request, path: str) -> Response:
    """Answer with the image, or with 304 if the caller has it already."""
    wanted = read(path)
    fixed = wanted.of[0] == "logos"
    marks = of_names(wanted.of[1]) if fixed else await _of_profile(ctx, wanted)
    picture = Picture(marks, wanted.variant, wanted.colour, wanted.width, wanted.template)
    content = await _drawn(picture, wanted.kind)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "cache-control": _FOR_A_DAY if fixed else _FOR_MINUTES,
        "etag": tag,
        # Pages of every origin may show the image and read its pixels.
        "cross-origin-resource-policy": "cross-origin",
        "access-control-allow-origin": "*",
    }
    known = [part.strip().removeprefix("W/") for part in _if_none_match(request).split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_TYPES[wanted.kind], headers=headers)


def _if_none_match(request: Request) -> str:
    return request.headers.get("if-none-match", "")


async def _of_profile(ctx: Backend, wanted: ImageRequest) -> tuple[str, ...]:
    account_id = wanted.of[1] if wanted.of[0] == "accounts" else None
    return await profile_marks(ctx, wanted.of[-1], account_id)


async def _drawn(picture: Picture, kind: Kind) -> bytes:
    if kind is Kind.SVG:
        return svg.draw(picture)
    # Drawing takes some time; in a thread it does not delay other requests.
    return await asyncio.to_thread(png.draw, picture)
