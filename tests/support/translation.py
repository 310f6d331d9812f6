"""Let the browser translate the page as Chrome does. Two `<font>` elements replace every text node
that is on the page or is added later.

`harsh` also translates text that is marked as not to be translated.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Frame, Page

_SCRIPT = """
(harsh) => {
  const LEFT = "script, style, noscript, textarea, title";
  const OPEN = "\\u27e6", SHUT = "\\u27e7";
  const bare = (text) => text.replaceAll(OPEN, "").replaceAll(SHUT, "");
  const font = (child) => {
    const made = document.createElement("font");
    made.style.verticalAlign = "inherit";
    made.append(child);
    return made;
  };
  const translate = (node) => {
    const parent = node.parentElement;
    if (!parent || !node.data.trim() || parent.closest(LEFT) || parent.tagName === "FONT") return;
    if (!harsh && parent.closest("[translate=no], .notranslate")) return;
    parent.replaceChild(font(font(OPEN + node.data + SHUT)), node);
  };
  const all = (root) => {
    if (root.nodeType === Node.TEXT_NODE) return translate(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    found.forEach(translate);
  };
  const start = () => {
    all(document.body);
    document.documentElement.classList.add("translated-ltr");
    document.documentElement.lang = "uk";
  };
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      if (target.nodeType === Node.TEXT_NODE) all(target);
      addedNodes.forEach(all);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();

  // What React holds a text to be, and what stands there instead; and texts that share an element.
  const fibers = () => {
    const key = Object.keys(document).find((name) => name.startsWith("__reactContainer$"));
    const found = [];
    const visit = (fiber) => {
      for (let at = fiber; at; at = at.sibling) {
        found.push(at);
        visit(at.child);
      }
    };
    if (key) visit(document[key].stateNode.current);
    return found;
  };
  window.translated = {
    stale: () => fibers()
      .filter(({ tag, memoizedProps }) => tag === 5 && typeof memoizedProps?.children === "string")
      .filter(({ type }) => !["title", "noscript", "script", "style"].includes(type))
      .map(({ memoizedProps, stateNode }) => [memoizedProps.children, bare(stateNode.textContent)])
      // What the server has written into the page, React leaves alone.
      .filter(([wanted, shown]) => wanted !== shown && wanted !== "…"),
    shared: () => fibers().filter(({ tag }) => tag === 6).map((fiber) => fiber.memoizedProps),
    texts: () => fibers().filter(
      ({ tag, memoizedProps }) => tag === 5 && typeof memoizedProps?.children === "string").length,
  };
}
"""


def translate(page: Page, *, harsh: bool = False) -> None:
    """Translate this page and every later page in this tab and in its frames."""
    call = f"({_SCRIPT})({str(harsh).lower()})"
    page.add_init_script(call)
    page.evaluate(call)


def is_as_it_should(page: Page | Frame) -> None:
    """Assert that the page shows what React last rendered, and that no two texts share an
    element."""
    found: dict[str, Any] = page.evaluate(
        "() => ({ stale: translated.stale(), shared: translated.shared(),"
        " texts: translated.texts() })"
    )
    assert found["texts"] > 0, "no text was found at all"
    assert {key: found[key] for key in ("stale", "shared") if found[key]} == {}, found
