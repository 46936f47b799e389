// One sample's view: which models stand side by side, their differences, the keys of a page.
// Without this script every answer is shown, in rows.
"use strict";
globalThis.sparkles = globalThis.sparkles || {};
(() => {
  const SHOWN = 3; // models side by side unless others are chosen
  const FEW = 4; // so many are all shown at first
  const COLUMNS = 6; // more than these are set in rows
  const ALIKE = 0.15; // with fewer words in common, differences would be everything

  const make = (tag, names, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(names || {})) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    made.append(...inside);
    return made;
  };

  // --- what the address holds -------------------------------------------------------------------------------------
  // "#id" for a place alone, "#s-name=value&..." otherwise; names that are not ours are left as they are.
  const state = {
    read() {
      const hash = location.hash.slice(1); // our anchors are letters, digits and signs that no address escapes
      if (hash.includes("=")) return new URLSearchParams(hash);
      return new URLSearchParams(document.getElementById(hash)?.matches("details.sample") ? { "s-id": hash } : {});
    },
    write(changes) {
      const names = state.read();
      for (const [name, value] of Object.entries(changes)) {
        names.delete(name);
        for (const one of Array.isArray(value) ? value : [value]) if (one) names.append(name, one);
      }
      const text = [...names.keys()].join() === "s-id" ? names.get("s-id") : names.toString();
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
      document.dispatchEvent(new Event("sparkles:state"));
    },
  };

  // --- differences ------------------------------------------------------------------------------------------------
  const plain = new WeakMap(); // an answer's own nodes, before anything was marked in them

  const clear = (words) => {
    if (plain.has(words)) words.replaceChildren(...plain.get(words).map((node) => node.cloneNode(true)));
  };

  const mark = (words, ranges) => {
    if (!plain.has(words)) plain.set(words, [...words.childNodes].map((node) => node.cloneNode(true)));
    const nodes = [];
    const walker = document.createTreeWalker(words, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) nodes.push(walker.currentNode);
    let [at, place] = [0, 0];
    for (const node of nodes) {
      const text = node.data;
      const pieces = [];
      let done = 0;
      while (place < ranges.length && ranges[place][0] < at + text.length) {
        const from = Math.max(0, ranges[place][0] - at);
        const to = Math.min(text.length, ranges[place][1] - at);
        pieces.push(text.slice(done, from), make("mark", { class: "only" }, text.slice(from, to)));
        done = to;
        if (ranges[place][1] > at + text.length) break;
        place += 1;
      }
      at += text.length;
      if (pieces.length) node.replaceWith(...pieces.filter((piece) => piece !== ""), text.slice(done));
    }
  };

  const percent = (share) => `${Math.round(100 * share)}%`;

  // Marks in every shown answer what the first one does not say; with two, in the first as well.
  const differences = (shown, note) => {
    const [first, ...others] = shown;
    const said = [];
    for (const other of others) {
      let [common, turns, marked] = [0, 0, false];
      for (const words of other.querySelectorAll(".words[data-turn]")) {
        const base = first.querySelector(`.words[data-turn="${words.dataset.turn}"]`);
        if (!base) continue;
        const found = sparkles.difference(base.textContent, words.textContent);
        common += found.share;
        turns += 1;
        if (found.share < ALIKE) continue;
        marked = true;
        mark(words, found.b);
        if (others.length === 1) mark(base, found.a);
      }
      if (turns) said.push(`${other.dataset.model}: ${percent(common / turns)} of the words in common${marked ? "" : ", too few to mark"}`);
    }
    const what = others.length === 1 ? "Words that only one of the two has are underlined." : `Words that ${first.dataset.model} does not have are underlined.`;
    note.textContent = said.length ? `${what} ${said.join("; ")}.` : "";
  };

  // --- models side by side ----------------------------------------------------------------------------------------
  const views = new WeakMap();

  const choice = (view) => {
    const labels = view.answers.map((answer) => answer.dataset.model);
    const named = state.read().getAll("s-m");
    if (named.includes("*")) return labels;
    const chosen = named.filter((label) => labels.includes(label));
    if (chosen.length) return chosen;
    if (labels.length <= FEW) return labels;
    const contestants = view.answers.filter((answer) => !answer.classList.contains("baseline"));
    // Different models first: a second epoch of the first one is no comparison.
    const models = new Map();
    for (const answer of contestants.length ? contestants : view.answers) {
      const name = answer.dataset.name || answer.dataset.model;
      models.set(name, [...(models.get(name) || []), answer.dataset.model]);
    }
    const several = [...models.values()];
    return [...several.map((labels) => labels[0]), ...several.flatMap((labels) => labels.slice(1))].slice(0, several.length > 1 ? Math.min(SHOWN, several.length) : SHOWN);
  };

  const show = (view) => {
    const chosen = choice(view);
    const differ = state.read().get("s-d") !== "off";
    for (const answer of view.answers) {
      const place = chosen.indexOf(answer.dataset.model);
      answer.hidden = place < 0;
      answer.style.order = place;
      for (const words of answer.querySelectorAll(".words[data-turn]")) clear(words);
    }
    for (const box of view.boxes) box.checked = chosen.includes(box.value);
    const columns = chosen.length <= COLUMNS;
    view.grid.classList.toggle("columns", columns);
    view.count.textContent = `${chosen.length} of ${view.answers.length} shown`;
    view.all.hidden = chosen.length === view.answers.length;
    view.differ.checked = differ;
    view.note.textContent = "";
    const shown = chosen.map((label) => view.answers.find((answer) => answer.dataset.model === label));
    if (differ && columns && shown.length > 1) differences(shown, view.note);
  };

  const choose = (labels) => {
    state.write({ "s-m": labels });
  };

  const box = (view, label) =>
    make("input", {
      type: "checkbox",
      value: label,
      "aria-label": `Show ${label}`,
      onchange: (event) => {
        const chosen = choice(view).filter((one) => one !== label);
        if (event.target.checked) chosen.push(label);
        if (chosen.length) choose(chosen);
        else event.target.checked = true;
      },
    });

  // Sets up a view once; lists of many samples do so when one is opened.
  const ready = (root) => {
    if (views.has(root)) return show(views.get(root));
    const view = { root, grid: root.querySelector(".answers"), boxes: [] };
    view.answers = [...root.querySelectorAll(".answer")];
    if (view.answers.length < 2) return undefined;
    views.set(root, view);
    const roster = root.querySelector(".roster");
    const picker = make("div", { class: "picker", role: "group", "aria-label": "Models to show" });
    for (const [place, answer] of view.answers.entries()) {
      const made = box(view, answer.dataset.model);
      view.boxes.push(made);
      if (roster) roster.querySelectorAll("li")[place].prepend(made);
      else picker.append(make("label", {}, made, make("bdi", {}, answer.dataset.model)));
    }
    view.count = make("span", { class: "count" });
    view.all = make("button", { type: "button", class: "plainly", onclick: () => choose(["*"]) }, "Show all");
    view.differ = make("input", { type: "checkbox", onchange: (event) => state.write({ "s-d": event.target.checked ? "" : "off" }) });
    view.note = make("p", { class: "difference-note", role: "status" });
    const bar = make("div", { class: "compare" }, view.count, view.all, make("label", {}, view.differ, "mark differences"));
    if (!roster) bar.prepend(picker);
    view.grid.before(bar, view.note);
    view.grid.setAttribute("tabindex", "0");
    root.classList.add("comparing");
    if (roster) roster.addEventListener("click", (event) => reveal(view, event));
    return show(view);
  };

  // A model of the list that is not shown takes the last column.
  const reveal = (view, event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    const answer = view.answers[[...view.root.querySelectorAll(".roster a")].indexOf(link)];
    if (answer.hidden) choose([...choice(view).slice(0, -1), answer.dataset.model]);
    answer.scrollIntoView({ block: "nearest", inline: "nearest" });
    answer.focus({ preventScroll: true });
  };

  // "[" and "]": the last column shows the model before or after; where all are shown, the next one gets the focus.
  const turn = (view, step) => {
    const chosen = choice(view);
    const labels = view.answers.map((answer) => answer.dataset.model);
    if (chosen.length < labels.length) {
      let at = labels.indexOf(chosen[chosen.length - 1]);
      do at = (at + step + labels.length) % labels.length;
      while (chosen.slice(0, -1).includes(labels[at]));
      choose([...chosen.slice(0, -1), labels[at]]);
      view.answers[at].scrollIntoView({ block: "nearest", inline: "nearest" });
      return;
    }
    const at = view.answers.findIndex((answer) => answer.contains(document.activeElement));
    const next = view.answers[Math.min(view.answers.length - 1, Math.max(0, at + step))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  // The marks of a list say whose they are.
  document.addEventListener("mouseover", (event) => {
    const mark = event.target.closest?.(".marks .mark");
    if (mark && !mark.title) mark.title = mark.querySelector(".sr")?.textContent.trim() || "";
  });

  // --- keys -------------------------------------------------------------------------------------------------------
  const KEYS = [
    ["n or j", "next sample"],
    ["p or k", "previous sample"],
    ["]", "next model in the last column"],
    ["[", "previous model in the last column"],
    ["d", "mark differences, or not"],
    ["a", "show all models, or a few"],
    ["/", "search"],
    ["?", "these keys"],
    ["Esc", "close what is open"],
  ];
  let help = null;

  const explain = () => {
    if (!help) {
      const rows = KEYS.map(([key, what]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)));
      const close = make("button", { type: "button", onclick: () => help.close() }, "Close");
      help = make("dialog", { class: "keys", "aria-label": "Keys" }, make("h2", {}, "Keys"), make("dl", {}, ...rows), close);
      document.body.append(help);
    }
    if (!help.open) help.showModal();
  };

  // The view that keys speak of: the opened one of a list, or the page's own.
  const current = () => {
    const open = ["details.sample[open]:focus-within .sample-view", "details.sample[open] .sample-view", ":not(.inside) > .sample-view"];
    const root = open.map((one) => document.querySelector(one)).find(Boolean);
    return root ? views.get(root) : undefined;
  };

  // What "n" and "p" do is set by whoever lists samples; by default they follow the page's links.
  const steps = {
    go(by) {
      const link = document.querySelector(by > 0 ? "a[rel=next]" : "a[rel=prev]");
      if (link) link.click();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, dialog, [contenteditable]")) return;
    const view = current();
    const acts = {
      n: () => steps.go(1),
      j: () => steps.go(1),
      p: () => steps.go(-1),
      k: () => steps.go(-1),
      "]": () => view && turn(view, 1),
      "[": () => view && turn(view, -1),
      d: () => view && view.differ.click(),
      a: () => view && choose(choice(view).length === view.answers.length ? [] : ["*"]),
      "/": () => document.querySelector("input[type=search]")?.focus(),
      "?": explain,
    };
    if (!Object.hasOwn(acts, event.key) || !document.querySelector(".sample-view, #sample-list")) return;
    event.preventDefault();
    acts[event.key]();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) explain();
  });

  const refresh = () => {
    for (const link of document.querySelectorAll("a[rel=next], a[rel=prev]")) link.hash = location.hash; // the choice stays
    for (const root of document.querySelectorAll(".sample-view")) {
      const fold = root.closest("details.sample");
      if (!fold || fold.open) ready(root);
    }
  };
  document.addEventListener("sparkles:state", refresh);
  window.addEventListener("hashchange", () => document.dispatchEvent(new Event("sparkles:state")));
  Object.assign(globalThis.sparkles, { make, state, ready, steps });
  refresh();
})();
