// The checkout in this page, by Dintero's Web SDK as npm gave it: all that a merchant writes.
(() => {
  "use strict";
  const container = document.getElementById("checkout");
  const status = document.getElementById("checkout-status");
  const given = container.dataset;

  function say(text) {
    status.textContent = text;
  }

  // The SDK has put the result into the frame by then; it is seen for a moment.
  function leave(text) {
    return (event) => {
      say(text);
      setTimeout(() => {
        const url = new URL(event.href);
        if (url.protocol === "https:" || url.protocol === "http:") window.location.assign(url.href);
      }, 1200);
    };
  }

  if (!window.dintero) {
    const link = document.createElement("a");
    link.href = given.url;
    link.textContent = "Open the checkout on a page of its own";
    say("Dintero's Web SDK is not installed: gavekort build fetches it. ");
    status.append(link);
    return;
  }
  dintero.embed({
    container: container,
    endpoint: given.endpoint,
    sid: given.sid,
    language: given.language,
    popOut: given.popOut === "true",
    onPayment: leave("Paid. Opening the order."),
    onPaymentError: leave("The payment failed. Opening the order."),
    onSessionCancel: leave("Cancelled. Opening the order."),
    onSessionNotFound: () => {
      say("This checkout is not open any more.");
    },
  });
  // The SDK gives its frame no name, and a screen reader reads one out.
  container.querySelector("iframe").title = "Checkout";
})();
