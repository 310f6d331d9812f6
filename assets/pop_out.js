// In the frame that launches the payment in a window of its own: the host's page draws a button over
// the frame, and this says how it looks, and what has become of the window. Loaded by embed.js.
(() => {
  "use strict";

  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const look = (style, names) => Object.fromEntries(names.map((name) => [name, style[name]]));

  // `tell` sends the host a message, and `isReady` says whether the host may hear of a button.
  window.popOutLauncher = ({ sid, speaks, tell, isReady }) => {
    let popOut = "closed";
    let shown = "";

    const is = (state, words) => {
      const before = popOut;
      popOut = state;
      root.dataset.popOut = state;
      const status = $("pop-out-status");
      const known = state === "closed" && before !== "opened" ? "" : status?.dataset[state];
      if (status && (state !== "closed" || before !== "refused")) {
        status.textContent = words ?? known ?? "";
      }
      const elsewhere = $("pop-out-own-page");
      if (elsewhere) {
        const address = new URLSearchParams({ language: speaks() });
        elsewhere.href = `/v1/view/${encodeURIComponent(sid)}?${address}`;
        elsewhere.hidden = state !== "blocked";
      }
      draw();
    };

    const hide = () => {
      shown = "";
      tell({ type: "HidePopOutButton" }, { about: "button" });
    };

    const draw = () => {
      if (!isReady()) return;
      const place = $("pop-out-place");
      const rect = place?.getBoundingClientRect();
      if (!rect?.width) {
        if (shown) hide();
        return;
      }
      const style = getComputedStyle(place);
      const theme = getComputedStyle(root);
      const message = {
        type: "ShowPopOutButton",
        openLabel: place.dataset.open,
        focusLabel: place.dataset.focus,
        closeLabel: place.dataset.close,
        descriptionLabel: place.dataset.description,
        top: String(rect.top + scrollY),
        left: String(rect.left),
        right: String(root.clientWidth - rect.right),
        language: speaks(),
        disabled: String($("embed").dataset.locked === "true" || popOut === "opened"),
        styles: {
          ...look(style, [
            "font",
            "color",
            "textAlign",
            "borderRadius",
            "fontWeight",
            "lineHeight",
          ]),
          height: `${rect.height}px`,
          background: style.backgroundColor,
          padding: style.padding,
          margin: "0",
          border: style.border,
          cursor: "pointer",
          transition: style.transition,
          outline: "none",
        },
        stylesHover: { background: theme.getPropertyValue("--accent-hover").trim() },
        stylesFocusVisible: {
          outline: `3px solid ${theme.getPropertyValue("--focus").trim()}`,
          outlineOffset: "2px",
        },
      };
      const now = JSON.stringify(message);
      if (now === shown) return;
      shown = now;
      // Where nobody draws it, the payer is not left without a way to pay.
      const never = () => shown === now && popOut === "closed" && is("blocked");
      tell(message, { about: "button", never });
    };

    return { is, hide, draw };
  };
})();
