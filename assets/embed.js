// The page in another page's frame, or in a window that one opened: the browser's half of the Web
// SDK's protocol (checkout_ui/embed is the server's). Loaded by checkout.js only then.
//
// Messages go to one exact origin and are taken from it alone, from that very window, about this
// session. Which origin that is, the server decides: until then nothing but the frame's height is
// told, to the parent that the browser's own policy has let frame us.
(() => {
  "use strict";

  const params = new URLSearchParams(location.search);
  const framed = window.parent !== window;
  const opener = framed ? null : window.opener;
  const host = framed ? window.parent : opener;
  const root = document.documentElement;
  const fromPath = location.pathname.match(/^\/v1\/view\/([^/]+)/)?.[1];
  const sid = fromPath ? decodeURIComponent(fromPath) : params.get("sid");
  const on = (name) => params.get(name) === "true";
  const launcher = framed && params.get("role") === "pop_out_launcher";
  const resultPage = root.dataset.page === "result";
  // A window that waits for the host only says that it is there.
  const loader = !framed && on("loader");
  if (!host || !sid) return;

  const LATE = 30_000; // for an answer of the host's
  const AGAIN = [400, 800, 1600, 3200, 6400]; // until a message is acknowledged
  const FREE = 24; // turns of the host that are answered at once
  const TURN = 4_000; // ms between the turns after those
  const LEFT = 10_000; // ms until the lock of a host's page that is gone is removed
  const ASIDE = 500; // for the host to take the window elsewhere, before we do
  const CLOSED = ["paid", "on_hold", "cancelled", "expired"];
  const WATCHED = ["stage", "out", "version", "locked", "language", "open"].map((n) => `data-${n}`);

  const $ = (id) => document.getElementById(id);
  const text = (value, longest) =>
    typeof value === "string" && value ? value.slice(0, longest) : null;
  const speaks = () => $("bridge")?.dataset.language || root.lang;
  const random = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(10)), (n) => (n % 36).toString(36)).join("");
  const page = random();

  // --- Whom we talk to -----------------------------------------------------------------------------
  // By the browser's word: the parent itself, else who led here. Kept for a page of ours that comes
  // after this one in the same frame or window, where the browser lets us keep anything.
  const supposed = () => {
    if (framed && location.ancestorOrigins?.length) return location.ancestorOrigins[0];
    const key = `checkout-host ${sid}`;
    try {
      const kept = sessionStorage.getItem(key);
      if (kept) return kept;
    } catch {
      // No storage in this frame.
    }
    let origin = "";
    try {
      origin = new URL(document.referrer).origin;
    } catch {
      // No referrer: the server knows whether there is only one it can be.
    }
    if (origin === location.origin || origin === "null") return "";
    try {
      if (origin) sessionStorage.setItem(key, origin);
    } catch {
      // As above.
    }
    return origin;
  };
  const asked = supposed();
  let origin = ""; // what the server has said
  let out = ""; // and all that it has said, as it stands on the page
  let over = false; // the host has been told how it ended

  const send = (message, to = origin) => {
    if (!to) return false;
    host.postMessage({ sid, ...(framed ? {} : { context: "popOut" }), ...message }, to);
    return true;
  };

  // Again until it is acknowledged, and then not for ever: a host need not handle everything. What
  // a pop-out says the SDK never acknowledges; it is said once. Of messages `about` the same thing
  // only the last is true: one said again after it would undo it.
  const waiting = new Map();
  const tell = (message, { acked, never, about } = {}) => {
    if (!origin) return;
    if (!framed) {
      send(message);
      return;
    }
    for (const [mid, entry] of waiting) if (about && entry.about === about) forget(mid);
    const mid = `${page}-${random()}`;
    let turn = 0;
    const post = () => {
      send({ ...message, mid });
      const delay = AGAIN[turn++];
      if (delay) entry.timer = setTimeout(post, delay);
      else {
        waiting.delete(mid);
        never?.();
      }
    };
    const entry = { acked, about, timer: 0 };
    waiting.set(mid, entry);
    post();
  };
  const forget = (mid) => {
    clearTimeout(waiting.get(mid)?.timer);
    waiting.delete(mid);
  };
  const acknowledge = (mid) => {
    const entry = waiting.get(mid);
    if (!entry) return;
    forget(mid);
    entry.acked?.();
  };

  // To the server: every message through one hidden form, which has to be there first.
  const ask = (kind, fields = {}) => {
    const form = $("embed");
    if (!form) return;
    form.elements.message.value = JSON.stringify({ kind, ...fields });
    form.requestSubmit();
  };

  // --- A host that answers every message ------------------------------------------------------------
  // Its lock and its change may cause the next message, and that the next lock. Then the payer would
  // never find the page unlocked. So the first turns, more than any shop needs, are answered at once,
  // and after that one turn at a time. The page is unlocked in between.
  let turns = FREE;
  let counted = Date.now();
  const later = new Map();
  const inTurn = (kind) => {
    const now = Date.now();
    turns = Math.min(FREE, turns + (now - counted) / TURN);
    counted = now;
    if (later.has(kind)) return; // the one that waits answers this one too
    turns -= 1;
    if (turns >= 0) {
      ask(kind);
      return;
    }
    const answer = () => {
      later.delete(kind);
      ask(kind);
    };
    later.set(kind, setTimeout(answer, -turns * TURN));
    if (kind === "refresh") ask("look"); // the page shows the new state at once
  };

  // --- Height: of the content, also when it shrinks ------------------------------------------------
  let height = -1;
  const measure = (anyway = false) => {
    if (!framed) return;
    const now = Math.ceil(root.getBoundingClientRect().height);
    if (now === height && !anyway) return;
    if (send({ type: "HeightChanged", height: now }, origin || asked)) height = now;
  };

  // --- How the rest is paid ------------------------------------------------------------------------
  const options = () => [...document.querySelectorAll("#pay-form [name=payment_product_type]")];
  let active; // what the host knows
  const tellActive = () => {
    if (launcher || loader) return;
    const chosen = options().find((option) => option.checked)?.value;
    if (!origin || chosen === active) return;
    active = chosen;
    tell({ type: "ActivePaymentProductType", payment_product_type: chosen }, { about: "active" });
  };
  const setActive = (wanted) => {
    for (const option of options()) option.checked = option.value === wanted;
    tellActive();
  };

  let spoken; // what the host knows
  const tellLanguage = () => {
    const language = speaks();
    if (!origin || language === spoken) return;
    spoken = language;
    tell({ type: "LanguageChanged", language }, { about: "language" });
  };

  // --- The host is asked before we continue ----------------------------------------------------------
  const asks = {
    "pay-form": ["validate", framed && on("client_side_validation") && !launcher],
    "details-form": ["address", framed && on("client_side_address_callback")],
  };
  let pending = null; // what is asked, and the time it may take
  addEventListener(
    "submit",
    (event) => {
      const [what, wanted] = asks[event.target.id] ?? [];
      // A host that may not embed us is not asked; one that we do not know yet is waited for.
      if (!wanted || (out && !origin)) return;
      // Before React, which listens at the document.
      event.preventDefault();
      event.stopImmediatePropagation();
      if (pending || !origin) return;
      const fields = [...new FormData(event.target)].filter(
        ([, value]) => typeof value === "string",
      );
      ask(what, { form: Object.fromEntries(fields) });
    },
    true,
  );
  const awaitAnswer = (what) => {
    const late = () => answer(what, { success: false, late: true });
    pending = { what, timer: setTimeout(late, LATE) };
  };
  const answer = (what, { success, error, late = false }) => {
    if (pending?.what !== what) return;
    clearTimeout(pending.timer);
    pending = null;
    ask("answer", { to: what, success: success === true, error: text(error, 1000), late });
  };

  // --- The payment in a window of its own ----------------------------------------------------------
  // The button for it is another file's work, which no other frame loads (checkout_ui/embed/framing.py).
  let popOut = null;
  const loadPopOut = (wait) => {
    const script = document.createElement("script");
    const ready = () => {
      popOut = window.popOutLauncher({ sid, speaks, tell, isReady: () => origin && !over });
      popOut.draw();
    };
    const again = () => setTimeout(loadPopOut, wait, wait * 2);
    Object.assign(script, { src: root.dataset.launcher, onload: ready, onerror: again });
    document.head.append(script);
  };
  if (launcher && root.dataset.launcher) loadPopOut(1000);

  // The page was loaded again while the host was changing the session. The page that took the lock
  // is gone, so only the shop's server or this timer can remove the lock.
  let leftLock = 0;
  const freeLater = () => {
    clearTimeout(leftLock);
    leftLock = setTimeout(() => $("embed")?.dataset.locked === "true" && ask("unlock"), LEFT);
  };

  // --- What the host says --------------------------------------------------------------------------
  const heard = {
    LockSession: () => {
      clearTimeout(leftLock);
      if (framed) inTurn("lock");
      else ask("look");
    },
    RefreshSession: () => {
      if (framed) inTurn("refresh");
      else ask("look");
    },
    SetActivePaymentProductType: (data) => setActive(text(data.payment_product_type, 80)),
    SetLanguage: ({ language }) => {
      const tag = text(language, 40);
      if (tag) ask("speak", { language: tag });
    },
    ValidationResult: (data) => {
      if (!launcher)
        answer("validate", { success: data.success, error: data.clientValidationError });
      else if (data.success === true) popOut?.is("opened");
      else popOut?.is("refused", text(data.clientValidationError, 300));
    },
    AddressCallbackResult: (data) => answer("address", data),
    ValidatingPopOut: () => popOut?.is("validating"),
    OpenedPopOut: () => popOut?.is("opened"),
    OpenPopOutFailed: () => popOut?.is("blocked"),
    ClosedPopOut: () => {
      popOut?.is("closed");
      ask("look"); // it may have been paid there
    },
  };
  addEventListener("message", (event) => {
    if (event.source !== host) return;
    // A host may speak before the server has allowed it.
    if (!origin && !out && early.length < 20) early.push(event);
    if (origin && event.origin === origin) hear(event.data);
  });
  const early = [];
  const hear = (data) => {
    if (!data || typeof data !== "object") return;
    if (typeof data.ack === "string") acknowledge(data.ack);
    else if (data.sid === sid && Object.hasOwn(heard, data.type) && !over) heard[data.type](data);
  };

  // --- What the server says ------------------------------------------------------------------------
  const had = new Set();
  const deliver = ({ id, ...message }) => {
    if (had.has(id)) return;
    had.add(id);
    if (message.type === "ValidateSession") awaitAnswer("validate");
    if (message.type === "AddressCallback") awaitAnswer("address");
    const isFinal = /^Session(Cancel|Payment(OnHold|Authorized|Error))$/.test(message.type);
    if (isFinal) {
      over = true;
      popOut?.hide();
    }
    // A window that is still open after that was opened by nobody who listens.
    if (isFinal && !framed) setTimeout(() => location.replace(message.href), 5000);
    // A pop-out says how it ended; what else there is to say, the frame does.
    if (framed || isFinal) tell(message);
    if (message.type === "SessionLoaded") {
      if (framed) freeLater();
      tellLanguage();
      tellActive();
      popOut?.draw();
    }
  };
  const read = (out) => {
    const told = JSON.parse(out);
    if (told.page !== page) return; // an earlier page's, in a state that outlived it
    const first = !origin && told.origin;
    origin = told.origin;
    if (first && !framed) send({ type: "AppLoaded" });
    if (first) measure(true);
    told.messages.forEach(deliver);
    for (const event of early.splice(0)) if (event.origin === origin) hear(event.data);
  };

  // --- What the page shows -------------------------------------------------------------------------
  let stage = "loading";
  let known = "";
  let greeted = false;
  const changed = () => {
    const line = $("embed");
    const now = document.querySelector("main")?.dataset.stage ?? "loading";
    if (!line || now === "loading") return;
    // We greet a server again that forgot us.
    const fresh = line.dataset.out ?? "";
    if (!greeted || (out && !fresh)) {
      greeted = true;
      had.clear();
      ask("hello", { page, origin: asked });
    }
    if (fresh !== out) {
      out = fresh;
      if (fresh) read(fresh);
    }
    const seen = `${now} ${line.dataset.version}`;
    if (known && origin && seen !== known) {
      // The host learns at once how the session ended.
      if (CLOSED.includes(now)) ask("changed");
      else inTurn("changed");
    }
    known = seen;
    if (stage !== "loading" && stage !== now) tell({ type: "ScrollToTop" });
    stage = now;
    tellLanguage();
    tellActive();
    popOut?.draw();
  };

  document.addEventListener("checkout:go", (event) => {
    if (CLOSED.includes(document.querySelector("main")?.dataset.stage)) {
      // The host hears how it ended and decides where the payer goes.
      if (origin) event.preventDefault();
      return;
    }
    if (!framed || !origin) return;
    event.preventDefault();
    const href = event.detail;
    const self = setTimeout(() => (window.top.location.href = href), ASIDE);
    tell({ type: "TopLevelNavigation", href }, { acked: () => clearTimeout(self) });
  });

  // The notice stands at the top, which may be out of sight in the host's page.
  const watchNotice = (changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.nodeType === 1 && (node.id === "notice" || node.querySelector?.("#notice"))) {
          tell({ type: "ScrollToTop" });
          return;
        }
      }
    }
  };

  const start = () => {
    if (framed && params.get("ui") !== "fullscreen") root.classList.add("embedded");
    if (framed)
      new ResizeObserver(() => {
        measure();
        popOut?.draw();
      }).observe(root);
    measure();
    if (resultPage) return;
    document.addEventListener("change", ({ target }) => {
      if (target.name === "payment_product_type") tellActive();
    });
    new MutationObserver((changes) => {
      changed();
      if (origin) watchNotice(changes);
    }).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: WATCHED,
    });
    changed();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
