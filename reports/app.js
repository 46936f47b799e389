// The leaderboard: one view at a time, sorting, finding; links to single places; files out of the texts of the page.
// Without this script everything reads just as well: every view stands below the other, and no button is shown.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- views: the switch between protocols and judges ---------------------------------------------------------
  const form = document.getElementById("board-filters");
  const views = all(".view");
  const choices = all(".views a");
  const show = (view) => {
    for (const other of views) other.hidden = other !== view;
    for (const choice of choices) {
      if (choice.hash === `#${view.id}`) choice.setAttribute("aria-current", "true");
      else choice.removeAttribute("aria-current");
    }
    if (form?.elements.view) form.elements.view.value = view.id;
    find();
  };

  // --- permalinks: what an address names is shown, whatever folds or filters hide it --------------------------
  // "#place", or "#view?a=MODEL&b=MODEL" for two models side by side.
  const follow = () => {
    const [name, asked] = location.hash.slice(1).split("?");
    const target = name ? document.getElementById(name) : null;
    if (!target) return;
    const view = target.closest(".view");
    if (view) show(view);
    if (view === target) {
      const names = new URLSearchParams(asked || "");
      choose(view, [names.get("a"), names.get("b")].filter(Boolean));
    }
    let hidden = false;
    for (let part = target; part; part = part.parentElement) {
      if (part.matches("details") && !part.open) {
        part.open = true;
        hidden = true;
      }
    }
    if (hidden) target.scrollIntoView();
  };

  // --- finding models -------------------------------------------------------------------------------------------
  function find() {
    if (!form) return;
    const wanted = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const who = form.elements.who.value.split(" ").filter(Boolean);
    let found = 0;
    let total = 0;
    for (const body of all(".board tbody")) {
      body.hidden = who.length > 0 && !who.includes(body.dataset.who);
      const counted = !body.closest(".view").hidden;
      for (const row of body.rows) {
        const name = row.cells[0].textContent.toLowerCase();
        row.hidden = !wanted.every((word) => name.includes(word));
        total += counted ? 1 : 0;
        found += counted && !row.hidden && !body.hidden ? 1 : 0;
      }
    }
    form.elements.count.textContent = found === total ? `${total} rows` : `${found} of ${total} rows`;
  }

  // --- sorting --------------------------------------------------------------------------------------------------
  const FLIPPED = { ascending: "descending", descending: "ascending" };
  const compare = (kind, a, b) =>
    kind === "text" ? a.localeCompare(b, "en", { numeric: true }) : Number(a) - Number(b);

  // What has no value stays last either way; baselines and published numbers are sorted among themselves.
  const sort = (table, head, order) => {
    const place = head.cellIndex;
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row) => [row.cells[place].dataset.v, row]);
      rows.sort(([a], [b]) => {
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return sign * compare(head.dataset.sort, a, b);
      });
      body.append(...rows.map(([, row]) => row));
    }
    for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
  };

  for (const table of all("table.sortable")) {
    for (const head of all("th[data-sort]", table)) {
      const label = head.querySelector(".label");
      const button = document.createElement("button");
      button.type = "button";
      button.className = `sort ${label.className}`;
      button.append(...label.childNodes);
      label.replaceWith(button);
      const first = head.dataset.first || (head.dataset.sort === "text" ? "ascending" : "descending");
      button.addEventListener("click", () => sort(table, head, FLIPPED[head.getAttribute("aria-sort")] || first));
    }
  }

  // --- two models side by side ------------------------------------------------------------------------------------
  const make = (tag, names, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(names)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  };
  const boxes = (view) => all("tbody.model .choose input", view);

  // What each panel of the view says of the two: the row of its table of pairs.
  const lines = (view, [a, b]) => all("thead th.score a", view).map((link) => {
    const table = all("table.pairs").find((one) => link.hash === `#panel-${one.dataset.panel}`);
    const row = table && [...table.tBodies[0].rows].find(({ dataset: { first, second } }) => (first === a && second === b) || (first === b && second === a));
    const said = make("li", {}, make("strong", {}, link.textContent), ": ");
    if (!row) {
      said.append("this pair was not tested here; sparkles-eval compare says what can be said.");
      return said;
    }
    const [pair, words, items] = [...row.cells].map((cell) => cell.cloneNode(true));
    said.append(...pair.childNodes, ": ", ...words.childNodes, "; ", ...items.childNodes, ".");
    return said;
  });

  function choose(view, names) {
    for (const box of boxes(view)) box.checked = names.includes(box.value);
    const panel = view.querySelector(".versus");
    panel.hidden = names.length === 0;
    if (names.length < 2) {
      panel.replaceChildren(names.length ? make("p", {}, make("bdi", {}, names[0]), ": choose a second model to compare it with.") : "");
      return;
    }
    const close = make("button", { type: "button", class: "plainly" }, "Close");
    close.addEventListener("click", () => {
      history.replaceState(null, "", `#${view.id}`);
      choose(view, []);
    });
    panel.replaceChildren(
      make("p", {}, make("strong", {}, make("bdi", {}, names[0]), " and ", make("bdi", {}, names[1])), " on the items that both have ", close),
      make("ul", {}, ...lines(view, names)),
    );
  }

  for (const view of views) {
    if (all("tbody.model tr", view).length < 2) continue;
    const chosen = []; // in the order of their clicks
    for (const row of all("tbody.model tr", view)) {
      const label = row.dataset.label;
      const box = make("input", { type: "checkbox", value: label, "aria-label": `Compare ${label}` });
      box.addEventListener("change", () => {
        const now = boxes(view).filter((one) => one.checked).map((one) => one.value);
        const before = chosen.filter((name) => now.includes(name));
        const names = [...before, ...now.filter((name) => !before.includes(name))].slice(-2);
        chosen.splice(0, chosen.length, ...names);
        const address = names.length === 2 ? `#${view.id}?${new URLSearchParams({ a: names[0], b: names[1] })}` : `#${view.id}`;
        history.replaceState(null, "", address);
        choose(view, names);
      });
      row.cells[0].prepend(make("label", { class: "choose", title: "Compare with another model" }, box));
    }
  }

  // In the one file the samples stand further below: a link to some of them goes there.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#s-show']");
    if (link) document.getElementById("samples")?.scrollIntoView();
  });

  // --- links and print ----------------------------------------------------------------------------------------------
  const doings = {
    print: () => window.print(),
    link: async (button) => {
      const view = views.find((one) => !one.hidden);
      if (view && !location.hash.startsWith(`#${view.id}`)) history.replaceState(null, "", `#${view.id}`);
      const words = button.textContent;
      try {
        await navigator.clipboard.writeText(location.href);
        button.textContent = "Link copied";
      } catch {
        button.textContent = "The link is in the address bar"; // pages from a disk may not write the clipboard
      }
      setTimeout(() => { button.textContent = words; }, 2500);
    },
  };
  for (const button of all("[data-do]")) button.addEventListener("click", () => doings[button.dataset.do](button));

  // --- files: a link beside each text that stands in the page ---------------------------------------------------
  const TYPES = { csv: "text/csv", json: "application/json", tex: "application/x-tex", md: "text/markdown" };
  for (const name of all("[data-file]")) {
    const text = name.closest("details").querySelector("pre");
    const link = document.createElement("a");
    link.download = name.dataset.file;
    link.textContent = name.dataset.file;
    link.href = "#";
    link.addEventListener("click", (event) => {
      event.stopPropagation();
      const type = TYPES[link.download.split(".").pop()] || "text/plain";
      const address = URL.createObjectURL(new Blob([text.textContent], { type: `${type};charset=utf-8` }));
      link.href = address;
      setTimeout(() => {
        URL.revokeObjectURL(address);
        link.href = "#";
      }, 1000);
    });
    name.closest("details").before(link);
    name.remove();
  }

  if (views.length > 0) show(views[0]);
  if (form) {
    form.addEventListener("input", find);
    form.elements.view?.addEventListener("change", () => { location.hash = form.elements.view.value; });
    for (const part of all(".views")) part.hidden = true; // the list in the form says the same
    if (views.length > 1) for (const head of all(".conditions")) head.classList.add("sr");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
