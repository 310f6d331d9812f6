// Listens to the checkout in the frame: the part of the Web SDK's protocol that this page needs.
// A message counts only when it comes from the checkout's origin, from this very frame, and names
// this session.
(function () {
  "use strict";
  var frame = document.getElementById("checkout");
  var status = document.getElementById("checkout-status");
  var origin = frame.dataset.origin;
  var sid = frame.dataset.sid;
  var over = false;

  function leave(href) {
    var url;
    try {
      url = new URL(href);
    } catch (error) {
      return;
    }
    if (url.protocol === "https:" || url.protocol === "http:") {
      window.location.assign(url.href);
    }
  }

  // Only the first of the final events counts.
  function finish(text, href) {
    if (over) return;
    over = true;
    status.textContent = text;
    leave(href);
  }

  window.addEventListener("message", function (event) {
    var data = event.data;
    if (event.origin !== origin || event.source !== frame.contentWindow) return;
    if (!data || data.sid !== sid || typeof data.type !== "string") return;
    if (data.mid) frame.contentWindow.postMessage({ ack: data.mid, sid: sid }, origin);
    switch (data.type) {
      case "HeightChanged":
        if (typeof data.height === "number" && isFinite(data.height) && data.height >= 0) {
          // Not below a fair minimum: the page keeps its place while the frame loads anew.
          frame.style.height = Math.max(320, Math.ceil(data.height)) + "px";
        }
        break;
      case "ScrollToTop":
        frame.scrollIntoView({ block: "start" });
        break;
      case "SessionPaymentAuthorized":
      case "SessionPaymentOnHold":
        finish("Paid. Opening the order.", data.href);
        break;
      case "SessionPaymentError":
        finish("The payment failed. Opening the order.", data.href);
        break;
      case "SessionCancel":
        finish("Cancelled. Opening the order.", data.href);
        break;
      case "SessionNotFound":
        status.textContent = "This checkout is not open any more.";
        break;
      case "TopLevelNavigation":
        leave(data.href);
        break;
    }
  });
})();
