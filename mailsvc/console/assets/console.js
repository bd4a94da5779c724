// Has a page look again when the service says that something changed. Pages work without it: they reload.
"use strict";

(() => {
  const main = document.querySelector("main[data-live]");
  if (!main) return;

  let looking = false;
  let source = null;

  /** Whether somebody is in the middle of something that a look would take away. */
  function occupied() {
    const focused = document.activeElement;
    return (
      document.hidden ||
      main.querySelector("details[open]") !== null ||
      (focused !== main && main.contains(focused)) ||
      !window.getSelection().isCollapsed
    );
  }

  async function look() {
    if (looking || occupied()) return;
    looking = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (answer.redirected) {
        location.assign(answer.url); // the session is over
      } else if (answer.ok && !occupied()) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        main.replaceChildren(...page.querySelector("main").childNodes);
        document.querySelector("footer").replaceChildren(...page.querySelector("footer").childNodes);
      }
    } catch {
      // The service is being started again: the next tick tries once more.
    } finally {
      looking = false;
    }
  }

  function listen() {
    if (source) source.close();
    source = document.hidden ? null : new EventSource(main.dataset.live);
    if (source) source.addEventListener("message", look);
  }

  document.addEventListener("visibilitychange", () => {
    listen();
    look();
  });
  // Where too many pages are open already, this one asks by itself.
  setInterval(() => {
    if (source && source.readyState === EventSource.CLOSED) look();
  }, 10000);
  listen();
})();
