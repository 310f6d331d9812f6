// The little that the page does itself. All of it is an addition: without it the page still works,
// except for leaving to the provider, for which there is a link as well.
(() => {
  "use strict";

  // --- Numbers are grouped as they are typed, and pasted in any form -----------------------------
  // Only digits: in a number with letters, other signs may belong to it.
  const grouped = (text, size) =>
    text.replace(/\D/g, "").match(new RegExp(`.{1,${size}}`, "g"))?.join(" ") ?? "";

  document.addEventListener("input", (event) => {
    const field = event.target;
    const size = Number(field.dataset?.group);
    if (!size || event.isComposing || /[^\d\s.-]/.test(field.value)) return;
    const caret = field.selectionStart ?? field.value.length;
    const before = field.value.slice(0, caret).replace(/\D/g, "").length;
    const text = grouped(field.value, size);
    if (text === field.value) return;
    field.value = text;
    // The caret goes behind the same sign as before.
    let place = 0;
    for (let signs = 0; place < text.length && signs < before; place++) {
      if (text[place] !== " ") signs++;
    }
    field.setSelectionRange(place, place);
  });

  // --- A second click while the first is under way does nothing ----------------------------------
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest?.("button[aria-disabled='true']");
      if (button) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
    true,
  );

  // --- A picture that does not come leaves no hole ------------------------------------------------
  const hole = (image) => {
    if (image.tagName === "IMG" && !image.src.startsWith("data:")) image.classList.add("missing");
  };
  document.addEventListener("error", (event) => hole(event.target), true);

  // --- Printing, and copying a link ---------------------------------------------------------------
  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    const said = document.getElementById("phone-copied");
    if (!field) return;
    try {
      await navigator.clipboard.writeText(field.value);
      if (said) said.textContent = button.dataset.said;
    } catch {
      // Not allowed in this frame: it is marked, to be copied by hand.
      field.focus();
      field.select();
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-print], [data-copy]");
    if (button?.dataset.print) window.print();
    else if (button) copy(button);
  });

  // --- The order is open where there is room for it ----------------------------------------------
  const wide = matchMedia("(min-width: 960px)");
  const unfold = () => {
    const details = document.getElementById("order-details");
    if (details && !details.dataset.unfolded) {
      details.dataset.unfolded = "yes";
      details.open = wide.matches;
    }
  };

  // --- What the server asks for, in data attributes of #bridge ------------------------------------
  const once = (key, value) => {
    // Kept in the tab: its state outlives a reload, and an order in it must not be obeyed twice.
    const [nonce, ...rest] = value.split(" ");
    try {
      if (sessionStorage.getItem(key) === nonce) return null;
      sessionStorage.setItem(key, nonce);
    } catch {
      // No storage in this frame: better twice than never.
    }
    return rest.join(" ");
  };

  const focusOn = (id, tries = 20) => {
    const element = document.getElementById(id);
    if (element) {
      element.focus({ preventScroll: true });
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    } else if (tries > 0) {
      requestAnimationFrame(() => focusOn(id, tries - 1));
    }
  };

  const goTo = (url) => {
    if (!/^https?:\/\//.test(url) || over) return;
    if (embedded && post({ type: "TopLevelNavigation", href: url })) return;
    (embedded ? window.top : window).location.assign(url);
  };

  // The document says what it speaks, and so does its address: a reload keeps it.
  const language = (code) => {
    const root = document.documentElement;
    if (root.lang === code) return;
    root.lang = code;
    const address = new URL(location.href);
    address.searchParams.set("language", code);
    history.replaceState(history.state, "", address);
  };

  const orders = {
    "data-focus": (value) => {
      const id = once("checkout-focus", value);
      if (id) focusOn(id);
    },
    "data-language": (value) => {
      const loading = document.querySelector("main[data-stage='loading']");
      if (!loading) language(value);
    },
    "data-frame": (value) => frameMessage(JSON.parse(value)),
    // Only an answer to the browser itself can set a cookie that no script reads.
    "data-remember": (value) => {
      const path = once("checkout-remember", value);
      if (path?.startsWith("/v1/view/")) fetch(path, { method: "POST", keepalive: true }).catch(() => {});
    },
    "data-go": (value) => {
      const url = once("checkout-go", value);
      if (url) goTo(url);
    },
  };

  // --- The page that embeds this one (Dintero's Web SDK) ------------------------------------------
  const embedded = window.parent !== window;
  const params = new URLSearchParams(location.search);
  const fromPath = location.pathname.match(/^\/v1\/view\/([^/]+)/)?.[1];
  const sid = fromPath ? decodeURIComponent(fromPath) : params.get("sid");
  let allowed = [];
  // The host has been told how it ended: where the payer goes now is the host's to say.
  let over = false;
  const final = ["SessionPaymentAuthorized", "SessionCancel"];

  // The exact origin of the parent: a message never goes to "*".
  const parentOrigin = () => {
    const ancestors = location.ancestorOrigins;
    if (ancestors?.length) return ancestors[0];
    try {
      const kept = sessionStorage.getItem("checkout-parent");
      if (kept) return kept;
      const origin = new URL(document.referrer).origin;
      if (origin === location.origin) return null;
      sessionStorage.setItem("checkout-parent", origin);
      return origin;
    } catch {
      return null;
    }
  };

  const post = (message) => {
    const origin = embedded && parentOrigin();
    if (!origin || !sid || (allowed.length && !allowed.includes(origin))) return false;
    window.parent.postMessage({ sid, ...message }, origin);
    return true;
  };

  const frameMessage = ({ message, parents }) => {
    allowed = parents;
    if (post(message) && final.includes(message.type)) over = true;
    postHeight(true);
  };

  let height = -1;
  const postHeight = (anyway = false) => {
    const now = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (now === height && !anyway) return;
    if (post({ type: "HeightChanged", height: now })) height = now;
  };

  // --- Start ---------------------------------------------------------------------------------------
  const seen = {};
  const look = (changes) => {
    unfold();
    for (const { target, attributeName } of changes) {
      // What the server says is chosen, where another tab has chosen it.
      if (attributeName === "data-checked") target.checked = target.dataset.checked === "true";
    }
    const bridge = document.getElementById("bridge");
    for (const name of bridge ? Object.keys(orders) : []) {
      const value = bridge.getAttribute(name) ?? "";
      if (seen[name] === value) continue;
      seen[name] = value;
      if (value) orders[name](value);
    }
  };

  const start = () => {
    for (const image of document.images) {
      if (image.complete && !image.naturalWidth) hole(image);
    }
    if (embedded) {
      document.documentElement.classList.add("embedded");
      new ResizeObserver(() => postHeight()).observe(document.documentElement);
    }
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: [...Object.keys(orders), "data-checked"],
    });
    look([]);
  };
  // Brought back by the browser as it was left: what it shows may be long over.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
