// Adyen's Drop-in as its guide builds it (advanced flow): card, gift card and a redirect method, and
// nothing else of the package. Every address is the page's own: the bench plays their backend.
import { AdyenCheckout, Card, Dropin, Giftcard, Klarna } from "@adyen/adyen-web";
import "@adyen/adyen-web/styles/adyen.css";

const own = `${location.origin}/checkoutshopper/test/`;

const answer = await fetch("/api/paymentMethods", { method: "POST" });
const checkout = await AdyenCheckout({
  environment: "test",
  _environmentUrls: { api: own, analytics: own, cdn: { images: own, translations: own } },
  clientKey: "test_BENCH",
  analytics: { enabled: false },
  locale: "en-US",
  countryCode: "NO",
  amount: { value: 72200, currency: "NOK" },
  paymentMethodsResponse: await answer.json(),
  onSubmit: (_state, _component, actions) => actions.reject(),
});
new Dropin(checkout, {
  paymentMethodComponents: [Card, Giftcard, Klarna],
  paymentMethodsConfiguration: {
    card: { onConfigSuccess: () => document.body.setAttribute("data-ready", "true") },
  },
}).mount("#dropin");
