// In the document itself, since it runs before Reflex's own scripts.

// Where the payer has blocked storage (with all cookies, and in a frame with those of others) every
// access throws, and Reflex's page with it.
for (const name of ["sessionStorage", "localStorage"]) {
  try {
    window[name].getItem("");
  } catch {
    const kept = new Map();
    const storage = {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, value) => void kept.set(String(key), String(value)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (place) => [...kept.keys()][place] ?? null,
      get length() {
        return kept.size;
      },
    };
    Object.defineProperty(window, name, { value: storage, configurable: true });
  }
}

// What the payer sees as they press Pay goes with it (checkout_ui/presenters/seen.py). We read it
// before anything else hears of the press.
addEventListener(
  "submit",
  ({ target }) => {
    for (const name of ["seen", "seen_order"]) {
      const field = target.elements.namedItem(name);
      const shown = document.querySelectorAll(`[data-seen="${name}"]`);
      if (field) field.value = [...shown].map((element) => element.textContent).join("|");
    }
  },
  true,
);
