// The little that the page does itself. Without it the page still works, and a link leads to the
// provider.
(() => {
  "use strict";
  const own = document.currentScript;

  // --- Numbers are grouped as they are typed, and pasted in any form -----------------------------
  // As checkout_ui/presenters/typed.py: one width, one kind of hyphen, nothing invisible.
  const plain = (text) =>
    text
      .normalize("NFKC")
      .replace(/[\u2010-\u2015\u2212\ufe58]/g, "-")
      .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/g, "");

  // Only digits: in a number with letters, other signs may belong to it.
  const grouped = (text, size) =>
    text.replace(/\D/g, "").replace(new RegExp(`.{${size}}(?=.)`, "g"), "$& ");

  const group = (field) => {
    const size = Number(field.dataset?.group);
    const written = size ? plain(field.value) : "";
    if (!written || /[^\d\s.-]/.test(written)) return;
    const caret = field.selectionStart ?? field.value.length;
    const before = plain(field.value.slice(0, caret)).replace(/\D/g, "").length;
    const text = grouped(written, size);
    if (text === field.value) return;
    field.value = text;
    // The caret goes behind the same sign as before.
    let place = 0;
    for (let signs = 0; place < text.length && signs < before; place++) {
      if (text[place] !== " ") signs++;
    }
    field.setSelectionRange(place, place);
  };

  document.addEventListener("input", (event) => {
    if (!event.isComposing) group(event.target);
  });
  document.addEventListener("compositionend", (event) => group(event.target));

  // --- Number and PIN in one piece, where it can be told which is which ---------------------------
  const NUMBER = /^[\x21-\x7e]{8,64}$/;
  const PIN = /^[\x21-\x7e]{4,12}$/;
  const bare = (text) => text.replace(/\s/g, "");
  // Words that somebody pastes or prints are none.
  const hasDigits = (text) => /(\d\D*){4}/.test(text);

  const numberAndPin = (pasted) => {
    const text = plain(pasted).trim();
    // A word says so; or there are two lines or cells; or two words, the first as long as a number.
    const parted =
      text.match(/^(.*?)[\s,;:/|-]*\bPIN(?:\b|[- ]?(?:code|kode(?:n)?)\b)[^0-9A-Za-z]*(\S+)$/is) ??
      text.match(/^([^\n\t,;|]+)[\n\t,;|]+([^\n\t,;|]+)$/) ??
      text.match(/^(\S{12,}) +(\S+)$/);
    if (!parted) return null;
    // What it is called may stand before it.
    const number = bare(parted[1].replace(/^.*?[^\d\s.-](?::\s+|\s+)(?=\d)/s, ""));
    const pin = bare(parted[2]);
    return NUMBER.test(number) && hasDigits(number) && PIN.test(pin) && number.length > pin.length
      ? { number, pin }
      : null;
  };

  const fill = (id, text) => {
    const field = document.getElementById(id);
    if (!field) return;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const fillCard = (number, pin) => {
    fill("gift_card_number", number);
    if (pin) fill("gift_card_pin", pin);
    document.getElementById("gift_card_pin")?.focus();
  };

  document.addEventListener("paste", (event) => {
    if (event.target.id !== "gift_card_number") return;
    const both = numberAndPin(event.clipboardData?.getData("text") ?? "");
    if (!both) return;
    event.preventDefault();
    fillCard(both.number, both.pin);
  });

  // --- The number by camera -----------------------------------------------------------------------
  // `camera` is null where the browser says beforehand that it would be in vain.
  const offerScan = async () => {
    const camera = navigator.mediaDevices?.getUserMedia;
    const policy = document.permissionsPolicy ?? document.featurePolicy;
    if (!camera || !window.BarcodeDetector || policy?.allowsFeature("camera") === false) return;
    const known = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    if (!known.includes("code_128") && !known.includes("qr_code")) return;
    document.documentElement.classList.add("can-scan");
  };
  offerScan();

  // A code with only a PIN, a link or something else of the shop is no card.
  const scanned = (code) => {
    const both = numberAndPin(code);
    const whole = plain(code).trim();
    const number = both?.number ?? (hasDigits(whole) ? bare(whole) : whole);
    if (!NUMBER.test(number) || /^[a-z]+:\/\//i.test(number)) return null;
    return () => {
      fillCard(number, both?.pin);
      const said = document.getElementById("scan-said");
      if (said) said.textContent = said.dataset.found;
    };
  };

  const fetchScript = (src) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src, onload: resolve, onerror: reject });
      document.head.append(script);
    });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("#scan");
    const dialog = document.getElementById("scan-dialog");
    if (!button || !dialog || dialog.open) return;
    document.getElementById("scan-said").textContent = "";
    try {
      if (!window.scanCode) await fetchScript(button.dataset.script);
      window.scanCode(dialog, scanned);
    } catch {
      const told = document.getElementById("scan-told");
      told.textContent = told.dataset.failed;
      document.getElementById("scan-cancel").onclick = () => dialog.close();
      dialog.showModal();
    }
  });

  // --- The browser knows that it is offline before the socket does --------------------------------
  const online = () => document.documentElement.classList.toggle("offline", !navigator.onLine);
  addEventListener("offline", online);
  addEventListener("online", online);
  online();

  // --- A second click while the first is under way does nothing ----------------------------------
  // Nor does the rest of a press or of a double click hit what has come to stand in its place.
  const PRESS = 500; // ms
  const moved = { to: null, at: 0 }; // where we have put the focus
  let clicked = null;
  const drop = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener(
    "click",
    (event) => {
      const pressed = event.target.closest?.("button, summary, a");
      if (event.detail < 2) clicked = pressed;
      if (!pressed) return;
      if (pressed !== clicked || pressed.ariaDisabled === "true") drop(event);
    },
    true,
  );
  document.addEventListener(
    "keydown",
    (event) => {
      const just = event.target === moved.to && performance.now() - moved.at < PRESS;
      if (event.key === "Enter" && (event.repeat || just)) drop(event);
    },
    true,
  );

  // After typing, a press is deliberate.
  document.addEventListener("input", () => (moved.to = null), true);

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
      // No storage in this frame: repeating is safer.
    }
    return rest.join(" ");
  };

  const focusOn = (id, tries = 20) => {
    const element = document.getElementById(id);
    if (element) {
      element.focus({ preventScroll: true });
      Object.assign(moved, { to: element, at: performance.now() });
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    } else if (tries > 0) {
      requestAnimationFrame(() => focusOn(id, tries - 1));
    }
  };

  // In another page's frame that page is asked first (embed.js), then the whole window goes.
  const goTo = (url) => {
    if (!/^https?:\/\//.test(url)) return;
    const going = new CustomEvent("checkout:go", { detail: url, cancelable: true });
    if (document.dispatchEvent(going)) window.top.location.href = url;
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
    // Only an answer to the browser itself can set a cookie that no script reads.
    "data-remember": (value) => {
      const path = once("checkout-remember", value);
      if (path?.startsWith("/v1/view/"))
        fetch(path, { method: "POST", keepalive: true }).catch(() => {});
    },
    "data-go": (value) => {
      const url = once("checkout-go", value);
      if (url) goTo(url);
    },
  };

  // --- In another page's frame, or opened by one: only then is there anybody to talk to ------------
  const role = new URLSearchParams(location.search).get("role");
  if (own?.dataset.embed && (window.parent !== window || role === "pop_out_payment")) {
    const script = document.createElement("script");
    script.src = own.dataset.embed;
    document.head.append(script);
  }

  // --- A select whose choices come anew, in another language or the rest of them, stays as it was ---
  const chosen = new WeakMap();
  document.addEventListener("change", ({ target }) => {
    if (target.localName === "select") chosen.set(target, target.value);
  });
  const keepChoice = (select) => {
    const wanted = chosen.get(select) ?? select.dataset.value;
    if ([...select.options].some((option) => option.value === wanted)) select.value = wanted;
  };

  // --- Start ---------------------------------------------------------------------------------------
  const seen = {};
  const look = (changes) => {
    unfold();
    // The page has failed, and this says so (checkout_ui/components/crashed.py).
    const crashed = document.getElementById("crashed");
    if (crashed && seen.crashed !== crashed) focusOn("crashed");
    seen.crashed = crashed;
    for (const { target, attributeName } of changes) {
      // What the server says is chosen, where another tab has chosen it.
      if (attributeName === "data-checked") target.checked = target.dataset.checked === "true";
      else if (!attributeName && target.matches("select[data-value]")) keepChoice(target);
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
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: [...Object.keys(orders), "data-checked"],
    });
    look([]);
  };
  // The browser restored the page as it was left. Its content may be outdated.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
