// Filters the list of samples. Without this script the page reads just as well: every sample is a plain <details>.
"use strict";
(() => {
  const form = document.getElementById("filters");
  const text = document.getElementById("filter-text");
  const task = document.getElementById("filter-task");
  const flag = document.getElementById("filter-flag");
  const count = document.getElementById("filter-count");
  const samples = [...document.querySelectorAll("details.sample")];
  const groups = [...document.querySelectorAll("div.group")];
  if (!form || samples.length === 0) return;
  const words = new WeakMap(); // lower-case text of a sample, read when it is first searched

  const contains = (sample, wanted) => {
    if (wanted.length === 0) return true;
    if (!words.has(sample)) words.set(sample, sample.textContent.toLowerCase());
    return wanted.every((word) => words.get(sample).includes(word));
  };

  const apply = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    let total = 0;
    for (const sample of samples) {
      const fits =
        (!task.value || sample.dataset.group === task.value) &&
        (!flag.value || sample.dataset.flags.split(" ").includes(flag.value)) &&
        contains(sample, wanted);
      sample.hidden = !fits;
      if (fits) {
        total += 1;
        shown.add(sample.dataset.group);
      }
    }
    for (const group of groups) group.hidden = !shown.has(group.dataset.group);
    count.textContent = `${total} of ${samples.length} samples`;
  };

  // A link to one sample opens it; opening one puts its link in the address bar.
  const follow = () => {
    const sample = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!sample || !sample.matches("details.sample")) return;
    sample.hidden = false;
    sample.open = true;
    sample.scrollIntoView();
  };

  let waiting = 0;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  task.addEventListener("change", apply);
  flag.addEventListener("change", apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  for (const sample of samples) {
    sample.addEventListener("toggle", () => {
      if (sample.open) history.replaceState(null, "", `#${sample.id}`);
    });
  }
  // "n" and "p" open the next and the previous sample of those shown, so that answers can be read in one go.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    if (event.key !== "n" && event.key !== "p") return;
    const listed = samples.filter((sample) => !sample.hidden);
    const at = listed.findIndex((sample) => sample.contains(document.activeElement));
    const next = listed[event.key === "n" ? at + 1 : at - 1];
    if (!next) return;
    if (at >= 0) listed[at].open = false;
    next.open = true;
    next.querySelector("summary").focus();
    next.scrollIntoView({ block: "start" });
  });
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  follow();
})();
