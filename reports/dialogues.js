// Filters the list of dialogues. Without this script the page reads just as well: every dialogue is a plain <details>.
"use strict";
(() => {
  const form = document.getElementById("filters");
  const words = document.getElementById("words");
  const which = document.getElementById("which");
  const count = document.getElementById("count");
  const talks = [...document.querySelectorAll("details.talk")];
  const piles = [...document.querySelectorAll("div.pile")];
  if (!form || talks.length === 0) return;
  const read = new WeakMap(); // lower-case text of a dialogue, read when it is first searched

  const contains = (talk, wanted) => {
    if (wanted.length === 0) return true;
    if (!read.has(talk)) read.set(talk, talk.textContent.toLowerCase());
    return wanted.every((word) => read.get(talk).includes(word));
  };

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let total = 0;
    for (const talk of talks) {
      const fits = (!which.value || talk.dataset.which.split(" ").includes(which.value)) && contains(talk, wanted);
      talk.hidden = !fits;
      total += fits;
    }
    for (const pile of piles) pile.hidden = !pile.querySelector("details.talk:not([hidden])");
    count.textContent = `${total} of ${talks.length} dialogues`;
  };

  let waiting = 0;
  words.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  which.addEventListener("change", apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.hidden = false;
  apply();
})();
