// On the page that says that we are still checking (checkout_ui/hosting/still_checking.py): asks in the
// background, so that the screen does not flicker and a screen reader does not begin anew, and goes
// there once there is an answer. The way on may lead to another site.
(() => {
  "use strict";
  const GROWTH = 1.6; // each wait to the one before
  const LONGEST = 30_000; // ms
  const link = document.getElementById("again");
  const again = async (wait) => {
    await new Promise((done) => setTimeout(done, wait));
    try {
      const answer = await fetch(link.href, {
        redirect: "manual",
        cache: "no-store",
        headers: { accept: "text/html" },
      });
      if (answer.status < 500 && answer.status !== 429) return location.replace(link.href);
    } catch {
      // Offline just now.
    }
    return again(Math.min(wait * GROWTH, LONGEST));
  };
  again(2000);
})();
