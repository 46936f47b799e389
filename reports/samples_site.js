// The samples of a site: filters that reach over every list, through index.js and, for the search, words-*.js, which are
// loaded when they are first needed; and the way through what they leave. Scripts and not data, for a page that is opened
// from a disk may load scripts but fetch nothing.
"use strict";
(() => {
  const { make, steps } = sparkles;
  const { fits, wanted, form, field, read, offer, listen, tell } = sparkles.filters;
  const list = document.getElementById("sample-list");
  const page = document.getElementById("sample-page");
  const place = list || page;
  const GLYPHS = { r: "✓", w: "✗", i: "∅", u: "?" };
  const MARKS = { r: "right", w: "wrong", i: "invalid", u: "unscored", p: "rated" };
  const WORDS = { r: "right", w: "wrong", i: "invalid", u: "unscored" };
  const MANY = 12; // answers: more than these are drawn as bars
  const PORTION = 200;

  // --- the index --------------------------------------------------------------------------------------------------
  let index = null;
  let loading = null;
  const waiting = new Map(); // address of a script -> its promise

  const script = (address) => {
    if (!waiting.has(address)) {
      waiting.set(address, new Promise((done, fail) => {
        document.head.append(make("script", { src: address, onload: done, onerror: () => fail(new Error(`${address} is missing`)) }));
      }));
    }
    return waiting.get(address);
  };

  sparkles.index = (groups) => {
    index = groups.map((group) => ({
      ...group,
      items: group.rows.map(([id, position, gist, tally, pictures, facets]) => ({ id, position, gist, tally, pictures, facets, words: null })),
    }));
  };
  sparkles.words = (id, start, texts) => {
    const group = index.find((one) => one.id === id);
    texts.forEach((text, at) => {
      const item = group?.items[start + at];
      if (item) item.words = text;
    });
  };

  const load = () => {
    loading = loading || script(place.dataset.index);
    return loading;
  };

  // Every item that fits, in order: [{group, item}]. `progress` is told how far the search is.
  const found = async (now, progress = () => {}) => {
    await load();
    const groups = index.filter((group) => !now.task || group.id === now.task);
    if (now.words.length) {
      const scripts = groups.flatMap((group) => Array.from({ length: group.stretches }, (_, at) => place.dataset.index.replace("index.js", `words-${group.id}-${at + 1}.js`)));
      for (const [at, address] of scripts.entries()) {
        progress(at, scripts.length);
        await script(address);
      }
    }
    const holds = (item) => now.words.every((word) => (item.words || "").includes(word));
    return groups.flatMap((group) => group.items.filter((item) => fits(item.facets, group, now) && holds(item)).map((item) => ({ group, item })));
  };

  const address = ({ group, item }, hash) => `${place.dataset.root}samples/${group.id}/${item.id}.html${hash}`;

  const marks = ({ group, item: { facets, tally } }) => {
    if (facets.m.length > MANY) {
      const bars = [...facets.m].map((code, at) => make("i", { class: `${MARKS[code]} l${facets.l[at]}` }));
      return [make("span", { class: "tally" }, tally), make("span", { class: "bars", "aria-hidden": "true" }, ...bars)];
    }
    const single = [...facets.m].map((code, at) => {
      const said = `${group.labels[at]}: ${WORDS[code] || facets.p[at].toFixed(2)}`;
      const glyph = make("span", { "aria-hidden": "true" }, GLYPHS[code] || facets.p[at].toFixed(2));
      return make("span", { class: `mark ${MARKS[code]}` }, glyph, make("span", { class: "sr" }, `${said}. `));
    });
    return [make("span", { class: "marks" }, ...single)];
  };

  const row = (hit, hash) => {
    const { item } = hit;
    const minis = item.pictures.map((picture) => make("img", { class: "mini", src: place.dataset.root + picture, alt: "", loading: "lazy", decoding: "async" }));
    return make("li", {}, make("a", { class: "row", href: address(hit, hash) },
      make("span", { class: "place" }, String(item.position)),
      make("span", { class: "minis", "aria-hidden": "true" }, ...minis),
      make("span", { class: "title" }, make("bdi", {}, item.gist)),
      make("span", { class: "scored" }, ...marks(hit))));
  };

  // --- a list -----------------------------------------------------------------------------------------------------
  const siteList = () => {
    const own = [...list.children];
    const results = make("div", { class: "results", hidden: true });
    list.append(results);
    let turn = 0;

    const draw = (hits, now) => {
      const parts = [];
      let shown = 0;
      const more = make("button", { type: "button", class: "more" });
      const portion = () => {
        for (const hit of hits.slice(shown, shown + PORTION)) {
          let last = parts[parts.length - 1];
          if (!last || last.group !== hit.group) {
            last = { group: hit.group, rows: make("ol", { class: "rows" }) };
            parts.push(last);
            more.before(make("h2", { class: "result-title" }, hit.group.title, hit.group.note ? ` (${hit.group.note})` : ""), last.rows);
          }
          last.rows.append(row(hit, location.hash));
        }
        shown = Math.min(hits.length, shown + PORTION);
        more.hidden = shown >= hits.length;
        more.textContent = `Show ${Math.min(PORTION, hits.length - shown)} more`;
      };
      more.addEventListener("click", portion);
      results.replaceChildren(more);
      portion();
      const all = index.filter((group) => !now.task || group.id === now.task);
      tell(hits.length, all.reduce((sum, group) => sum + group.items.length, 0));
    };

    const apply = async () => {
      const now = wanted();
      const mine = ++turn;
      for (const part of own) part.hidden = now.any;
      results.hidden = !now.any;
      if (!now.any) {
        field("count").textContent = "";
        for (const link of list.querySelectorAll("ol.rows:not(.results *) a.row")) link.hash = location.hash;
        return;
      }
      try {
        const hits = await found(now, (at, of) => { if (mine === turn) field("count").textContent = `Reading answers, ${at} of ${of} …`; });
        offer(index);
        if (mine !== turn) return;
        read();
        draw(hits, now);
      } catch (error) {
        field("count").textContent = `${error.message}: the filters need it.`;
      }
    };

    steps.go = (by) => {
      const rows = [...list.querySelectorAll("a.row")].filter((link) => link.getClientRects().length);
      const at = rows.indexOf(document.activeElement);
      rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by]?.focus();
    };
    form.addEventListener("focusin", () => load().then(() => { offer(index); read(); }, () => {}), { once: true });
    read();
    listen(apply, () => index && offer(index));
    apply();
  };

  // --- one sample -------------------------------------------------------------------------------------------------
  const sitePage = () => {
    const nav = page.querySelector(".turner");
    const before = { prev: nav.querySelector("[rel=prev]")?.getAttribute("href"), next: nav.querySelector("[rel=next]")?.getAttribute("href") };
    const said = nav.querySelector(".where").textContent;

    const link = (rel, href, words) => {
      const old = nav.querySelector(`[rel=${rel}]`);
      if (!href) return old?.remove();
      const made = old || make("a", { rel });
      if (!old) nav.querySelector(".steps")[rel === "prev" ? "prepend" : "append"](made);
      made.textContent = words;
      made.setAttribute("href", href);
      return undefined;
    };

    const apply = async () => {
      const now = wanted();
      const back = nav.querySelector(".back");
      back.hash = location.hash;
      if (!now.any) {
        nav.querySelector(".where").textContent = said;
        for (const rel of ["prev", "next"]) link(rel, before[rel] && before[rel] + location.hash, rel === "prev" ? "Previous" : "Next");
        return;
      }
      try {
        const hits = await found(now);
        const at = hits.findIndex((hit) => hit.group.id === page.dataset.group && hit.item.id === page.dataset.sample);
        nav.querySelector(".where").textContent = at >= 0 ? `${at + 1} of ${hits.length} filtered` : `not among the ${hits.length} filtered`;
        const beside = (by) => hits[at < 0 ? (by > 0 ? 0 : -1) : at + by];
        link("prev", beside(-1) && address(beside(-1), location.hash), "Previous");
        link("next", beside(1) && address(beside(1), location.hash), "Next");
      } catch {
        nav.querySelector(".where").textContent = said; // without its index the page still stands in its list
      }
    };
    document.addEventListener("sparkles:state", apply);
    apply();
  };

  if (page) sitePage();
  else if (form && list) siteList();
})();
