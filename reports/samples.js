// Filters of samples: what fits, the form, and the address, in which all of it stands. In the one-file report they hide
// <details>; samples_site.js lists what fits from every page of a site. Without this script lists read just as well.
"use strict";
(() => {
  const { make, state, steps } = sparkles;
  const form = document.getElementById("sample-filters");
  const NAMES = ["q", "task", "show", "a", "b", "by", "images", "tag"];

  // --- what fits --------------------------------------------------------------------------------------------------
  const better = (facets, a, b, by) => {
    if (facets.m[a] === "r") return facets.m[b] === "w" || facets.m[b] === "i";
    return facets.m[a] === "p" && facets.m[b] === "p" && facets.p[a] - facets.p[b] >= by;
  };
  const differ = (facets, by) => {
    const rated = facets.p.filter((points, at) => facets.m[at] === "p");
    return (/r/.test(facets.m) && /[wi]/.test(facets.m)) || (rated.length > 1 && Math.max(...rated) - Math.min(...rated) >= by);
  };
  const SHOWS = {
    wrong: (facets) => /[wi]/.test(facets.m),
    differ: (facets, group, wanted) => differ(facets, wanted.by),
    beats: (facets, group, wanted) => {
      const [a, b] = [group.labels.indexOf(wanted.a), group.labels.indexOf(wanted.b)];
      return a >= 0 && b >= 0 && better(facets, a, b, wanted.by);
    },
    judges: (facets, group, wanted) => facets.d >= wanted.by,
    unscored: (facets) => facets.m.includes("u"),
    invalid: (facets) => facets.m.includes("i"),
    nohuman: (facets) => !facets.h,
  };
  const fits = (facets, group, wanted) =>
    (!wanted.task || group.id === wanted.task) &&
    (!wanted.show || !SHOWS[wanted.show] || SHOWS[wanted.show](facets, group, wanted)) &&
    (!wanted.images || facets.n === Number(wanted.images)) &&
    (!wanted.tag || facets.t.includes(wanted.tag));

  // --- the filters and the address --------------------------------------------------------------------------------
  const place = document.querySelector("#sample-list, #sample-page"); // of a site
  const home = place?.dataset.group || ""; // a list of one task filters that task unless told otherwise

  const wanted = () => {
    const names = state.read();
    const found = Object.fromEntries(NAMES.map((name) => [name, names.get(`s-${name}`) || ""]));
    found.task = found.task === "*" ? "" : found.task || home;
    found.by = Number(found.by) || 3;
    found.words = found.q.toLowerCase().split(/\s+/).filter(Boolean);
    found.any = Boolean(found.words.length || found.show || found.images || found.tag || found.task !== home);
    return found;
  };

  const field = (name) => form.elements[name];

  const write = () => {
    const task = field("task").value;
    state.write({
      "s-q": field("q").value.trim(),
      "s-task": task === home ? "" : task || "*",
      "s-show": field("show").value,
      "s-a": field("show").value === "beats" ? field("a").value : "",
      "s-b": field("show").value === "beats" ? field("b").value : "",
      "s-by": Number(field("by").value) === 3 || !BY.includes(field("show").value) ? "" : field("by").value,
      "s-images": field("images").value,
      "s-tag": field("tag").value,
    });
  };

  const BY = ["differ", "beats", "judges"];
  const read = () => {
    const now = wanted();
    for (const name of NAMES) if (document.activeElement !== field(name) || field(name).matches("select")) field(name).value = now[name];
    if (now.show === "beats") {
      field("a").value = now.a || field("a").options[0]?.value || "";
      field("b").value = now.b || field("b").options[1]?.value || "";
    }
    for (const part of form.querySelectorAll(".only-beats")) part.hidden = now.show !== "beats";
    form.querySelector(".only-by").hidden = !BY.includes(now.show);
    form.querySelector("[type=reset]").hidden = !now.any;
  };

  const fill = (select, values, kept) => {
    const first = [...select.options].filter((option) => option.value === "");
    const offered = new Set(values.map(String));
    if (kept) offered.add(kept);
    select.replaceChildren(...first, ...[...offered].map((value) => make("option", { value }, value)));
  };

  // Offers what the samples in question have: `groups` are those of the task that is looked at.
  const offer = (all) => {
    const now = wanted();
    const groups = all.filter((group) => !now.task || group.id === now.task);
    const facets = groups.flatMap((group) => group.items.map((item) => item.facets));
    const labels = [...new Set(groups.flatMap((group) => group.labels))];
    fill(field("a"), labels, now.a);
    fill(field("b"), labels, now.b);
    const images = [...new Set(facets.map((one) => one.n))].sort((a, b) => a - b);
    const tags = [...new Set(facets.flatMap((one) => one.t))].sort();
    fill(field("images"), images, now.images);
    fill(field("tag"), tags, now.tag);
    form.querySelector(".only-images").hidden = images.length < 2 && !now.images;
    form.querySelector(".only-tag").hidden = tags.length === 0 && !now.tag;
    for (const [value, there] of [["beats", labels.length > 1], ["differ", labels.length > 1], ["judges", facets.some((one) => one.d > 0)]]) {
      const option = field("show").querySelector(`[value=${value}]`);
      option.hidden = option.disabled = !there && now.show !== value;
    }
  };

  const listen = (apply, offered) => {
    let waiting = 0;
    form.addEventListener("input", (event) => {
      clearTimeout(waiting);
      if (event.target.matches("input")) waiting = setTimeout(write, 150);
      else write();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      write();
    });
    form.addEventListener("reset", () => setTimeout(() => { field("task").value = home; write(); }));
    document.addEventListener("sparkles:state", () => {
      offered();
      read();
      apply();
    });
    form.hidden = false;
  };

  const tell = (shown, all, more = "") => {
    field("count").textContent = `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} samples${more}`;
  };

  // --- the one file -----------------------------------------------------------------------------------------------
  const oneFile = () => {
    const groups = [...document.querySelectorAll("div.group[data-labels]")].map((element) => ({
      element,
      id: element.dataset.group,
      labels: JSON.parse(element.dataset.labels),
      items: [...element.querySelectorAll("details.sample")].map((sample) => ({ element: sample, facets: JSON.parse(sample.dataset.facets) })),
    }));
    const items = groups.flatMap((group) => group.items);
    if (!items.length) return;
    const words = new WeakMap(); // lower-case text of a sample, read when it is first searched
    const holds = (sample, now) => {
      if (!now.words.length) return true;
      if (!words.has(sample)) words.set(sample, sample.textContent.toLowerCase());
      return now.words.every((word) => words.get(sample).includes(word));
    };
    const apply = () => {
      const now = wanted();
      let total = 0;
      for (const group of groups) {
        let some = 0;
        for (const item of group.items) {
          const shown = fits(item.facets, group, now) && holds(item.element, now);
          item.element.hidden = !shown;
          some += shown ? 1 : 0;
        }
        group.element.hidden = !some;
        total += some;
      }
      tell(total, items.length);
    };
    // A link to one sample opens it; opening one puts its link in the address bar.
    const follow = () => {
      const sample = document.getElementById(state.read().get("s-id") || "");
      if (!sample?.matches("details.sample")) return;
      sample.hidden = false;
      if (sample.open) return;
      sample.open = true;
      sample.scrollIntoView();
    };
    for (const { element } of items) {
      element.addEventListener("toggle", () => {
        if (element.open) {
          sparkles.ready(element.querySelector(".sample-view"));
          state.write({ "s-id": element.id });
        } else if (state.read().get("s-id") === element.id) {
          state.write({ "s-id": "" });
        }
      });
    }
    steps.go = (by) => {
      const shown = items.map((item) => item.element).filter((element) => !element.hidden);
      const held = shown.findIndex((sample) => sample.contains(document.activeElement));
      const at = held >= 0 ? held : shown.findIndex((sample) => sample.open);
      const next = shown[at + by];
      if (!next) return;
      if (at >= 0) shown[at].open = false;
      next.open = true;
      next.querySelector("summary").focus();
      next.scrollIntoView({ block: "start" });
    };
    offer(groups);
    read();
    listen(apply, () => offer(groups));
    apply();
    window.addEventListener("hashchange", follow);
    follow();
  };

  sparkles.filters = { fits, wanted, form, field, read, offer, listen, tell };
  if (form && !place) oneFile();
})();
