// The leaderboard: one view at a time, sorting, finding; links to single places; files out of the texts of the page.
// Without this script everything reads just as well: every view stands below the other, and no button is shown.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- views: the switch between protocols and judges ---------------------------------------------------------
  const views = all(".view");
  const choices = all(".views a");
  const show = (view) => {
    for (const other of views) other.hidden = other !== view;
    for (const choice of choices) {
      if (choice.hash === `#${view.id}`) choice.setAttribute("aria-current", "true");
      else choice.removeAttribute("aria-current");
    }
    find();
  };

  // --- permalinks: what an address names is shown, whatever folds or filters hide it --------------------------
  const follow = () => {
    const name = location.hash.slice(1); // our anchors hold nothing that an address escapes
    const target = name ? document.getElementById(name) : null;
    if (!target) return;
    const view = target.closest(".view");
    if (view) show(view);
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
  const form = document.getElementById("board-filters");
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
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
