// Rating by keyboard: 1 to 9 and 0 for 10 give the criterion in focus its number and go on to the next, Enter saves,
// "s" skips, "u" takes the last one back, "c" writes a comment. Without this script the same works by mouse and Tab.
"use strict";
(() => {
  const form = document.getElementById("rating");
  const criteria = [...document.querySelectorAll("[data-criterion]")];
  const save = document.getElementById("save");
  let now = 0;

  const field = (criterion) =>
    criterion.querySelector("input:checked") || criterion.querySelector("input");

  const go = (place, { quietly = false } = {}) => {
    if (place >= criteria.length) {
      criteria.forEach((one) => one.classList.remove("now"));
      now = criteria.length;
      if (save) save.focus();
      return;
    }
    now = Math.max(0, place);
    criteria.forEach((one, at) => one.classList.toggle("now", at === now));
    field(criteria[now]).focus({ preventScroll: true });
    if (!quietly) criteria[now].scrollIntoView({ block: "nearest" });
  };

  const rate = (digit) => {
    const criterion = criteria[now];
    if (!criterion) return false;
    const wanted = digit === "0" ? "10" : digit;
    const choice = [...criterion.querySelectorAll("input[type=radio]")].find((one) => one.value === wanted);
    if (!choice) return false;
    choice.checked = true;
    go(now + 1);
    return true;
  };

  const back = () => {
    const place = Math.max(0, now - 1);
    for (const one of criteria[place].querySelectorAll("input")) {
      if (one.type === "radio") one.checked = false;
      else one.value = "";
    }
    go(place);
  };

  const send = () => {
    if (form && save) form.requestSubmit(save);
  };

  criteria.forEach((criterion, place) => {
    criterion.addEventListener("focusin", () => {
      now = place;
      criteria.forEach((one, at) => one.classList.toggle("now", at === place));
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "Enter" && event.target.matches("textarea")) send();
      return;
    }
    if (event.target.matches("textarea")) {
      if (event.key === "Escape") go(Math.min(now, criteria.length));
      return;
    }
    if (event.target.matches("input[type=number]") && event.key !== "Enter") return;
    let taken = true;
    if (/^[0-9]$/.test(event.key) && criteria.length) taken = rate(event.key);
    else if (event.key === "ArrowDown" && criteria.length) go(now + 1);
    else if (event.key === "ArrowUp" && criteria.length) go(Math.min(now, criteria.length) - 1);
    else if (event.key === "Backspace" && criteria.length) back();
    else if (event.key === "Enter" && criteria.length && !event.target.matches("button, a")) send();
    else if (event.key === "c" && form) form.querySelector("textarea").focus();
    else {
      const button = /^[a-z]$/.test(event.key) && document.querySelector(`[data-key="${event.key}"]`);
      if (button) button.click();
      else taken = false;
    }
    if (taken) event.preventDefault();
  });

  // One press is one rating, however slow the answer.
  let sent = false;
  document.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  // A page that the browser kept may show what is no longer so: the button Back gives the item as it is stored.
  addEventListener("pageshow", (event) => {
    sent = false;
    if (event.persisted) location.reload();
  });

  if (criteria.length) {
    const open = criteria.findIndex((one) => !one.querySelector("input:checked") && !one.querySelector("input[type=number]"));
    go(open < 0 ? 0 : open, { quietly: true });
    scrollTo(0, 0);
  }
})();
