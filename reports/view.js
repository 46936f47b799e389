// The viewer: what runs now is fetched anew, pages in the making come by themselves, keys lead through lists.
// Without this script every page reads and every form works; one reloads by hand.
"use strict";
(() => {
  // On a narrow screen the navigation scrolls; where one is should be in sight.
  const here = document.querySelector("nav a[aria-current=page]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });

  const live = document.querySelector("[data-live]");
  const fetchLive = async () => {
    let wait = 2000;
    if (!document.hidden) {
      try {
        const answer = await fetch(live.dataset.live, { headers: { accept: "text/html" } });
        if (answer.ok) {
          const open = [...live.querySelectorAll("details")].map((one) => one.open);
          const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
          live.replaceChildren(...parsed.body.childNodes);
          live.querySelectorAll("details").forEach((one, place) => { one.open = Boolean(open[place]); });
        }
      } catch {
        wait = 5000; // the server has gone; it may come back
      }
    }
    setTimeout(fetchLive, wait);
  };
  if (live) setTimeout(fetchLive, 2000);

  const again = document.querySelector("[data-again]");
  if (again) setTimeout(() => location.reload(), 1000 * Number(again.dataset.again));

  // A choice is shown at once; words when they are sent.
  for (const select of document.querySelectorAll("form.filters[method=get] select")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  // Empty fields make addresses long and say nothing.
  for (const form of document.querySelectorAll("form.filters[method=get]")) {
    form.addEventListener("submit", () => {
      for (const field of form.elements) field.disabled = field.name !== "" && field.value === "";
    });
  }
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input, select, textarea")) return;
    if (event.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (field) {
        event.preventDefault();
        field.focus();
      }
      return;
    }
    if (document.querySelector(".sample-view")) return; // sample.js has keys of its own
    const rel = { n: "next", p: "prev" }[event.key];
    const link = rel && document.querySelector(`a[rel=${rel}]`);
    if (link) link.click();
  });
})();
