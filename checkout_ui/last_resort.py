"""The error page of React Router's root, for where `checkout_ui.crashed` cannot be drawn either. It
uses no state and no component of ours. This module is read as the page is built, and imports
nothing.
"""

from __future__ import annotations

ID = "if-it-fails"
"""Of the data block with the texts, which `crashed.served` writes into the page."""
SERVED = f'JSON.parse(document.getElementById("{ID}")?.textContent ?? "{{}}")'
HERE = "location.pathname + location.search"
"""Both as JavaScript: the texts by their keys with the shop's address, and where we are."""

LAST = f"""
export function ErrorBoundary() {{
  const said = {SERVED};
  const link = (key, href, target) => jsx(
    "a", {{ key, href, target, className: "button secondary" }}, said[key]);
  return jsx("main", {{ className: "page" }},
    jsx("section", {{ className: "panel", role: "alert" }},
      jsx("h1", {{ id: "crashed", tabIndex: -1 }}, said["crash.heading"]),
      jsx("p", {{}}, said["crash.lead"]),
      link("crash.reload", {HERE}),
      said.href ? link("end.back", said.href, "_top") : null));
}}
"""
"""JavaScript for React Router's root. Its own shows the stack trace."""
