// Added to the page's root by checkout_ui/hosting/build_plugin.py: what React Router shows where
// checkout_ui/components/crashed.py cannot be drawn either. Its own page is a stack trace. No state and no
// component of ours is used here.
export function ErrorBoundary() {
  const said = JSON.parse(document.getElementById("if-it-fails")?.textContent ?? "{}");
  const link = (key, href, target) =>
    jsx("a", { key, href, target, className: "button secondary" }, said[key]);
  return jsx(
    "main",
    { className: "page" },
    jsx(
      "section",
      { className: "panel", role: "alert" },
      jsx("h1", { id: "crashed", tabIndex: -1 }, said["crash.heading"]),
      jsx("p", {}, said["crash.lead"]),
      link("crash.reload", location.pathname + location.search),
      said.href ? link("end.back", said.href, "_top") : null,
    ),
  );
}
