// Reads a code with the camera, in the page's own dialog. Fetched when it is first asked for. The
// picture goes to the browser's BarcodeDetector and nowhere else.
(() => {
  "use strict";

  const EVERY = 150; // ms between two looks at the picture
  const FORMATS = ["code_128", "qr_code"];
  const WHY = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "none",
    OverconstrainedError: "none",
  };

  // `accept(text)` gives what to do with a code once the dialog is closed, or null where it is none.
  window.scanCode = async (dialog, accept) => {
    const video = dialog.querySelector("video");
    const told = dialog.querySelector("#scan-told");
    const ending = new AbortController();
    let stream = null;
    let found = null;

    const tell = (key) => {
      if (told.textContent !== told.dataset[key]) told.textContent = told.dataset[key];
    };
    const stop = () => {
      ending.abort();
      stream?.getTracks().forEach((track) => track.stop());
      video.srcObject = null;
      told.textContent = "";
    };
    const close = () => (dialog.isConnected ? dialog.close() : stop());
    const on = (target, name, act) => target.addEventListener(name, act, { signal: ending.signal });

    on(dialog, "close", () => {
      stop();
      found?.();
    });
    on(dialog.querySelector("#scan-cancel"), "click", close);
    on(document, "visibilitychange", () => document.hidden && close());
    on(window, "pagehide", close);

    dialog.showModal();
    tell("starting");
    try {
      const wanted = { video: { facingMode: "environment" }, audio: false };
      stream = await navigator.mediaDevices.getUserMedia(wanted);
      // Closed while the browser was asking for permission.
      if (ending.signal.aborted) return stop();
      // A camera that is unplugged.
      stream.getTracks().forEach((track) => on(track, "ended", () => tell("failed")));
      video.muted = true;
      video.srcObject = stream;
      await video.play();
      tell("looking");
      const known = await BarcodeDetector.getSupportedFormats();
      const formats = FORMATS.filter((format) => known.includes(format));
      await look(new BarcodeDetector({ formats }));
    } catch (error) {
      if (!ending.signal.aborted) tell(WHY[error.name] ?? "failed");
    }

    async function look(detector) {
      while (!ending.signal.aborted) {
        // The form is gone: the card was added in another tab, or the order is over.
        if (!dialog.isConnected) return stop();
        const codes = video.readyState >= 2 ? await detector.detect(video) : [];
        if (ending.signal.aborted) return;
        found = codes.map((code) => accept(code.rawValue)).find(Boolean) ?? null;
        if (found) return close();
        if (codes.length) tell("wrong");
        await new Promise((resolve) => setTimeout(resolve, EVERY));
      }
    }
  };
})();
