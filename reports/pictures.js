// Pictures of samples: in full on click, beside their chip on hover and focus.
// Without this script they stand below the message, and in a site a link leads to the file.
"use strict";
(() => {
  const { make } = sparkles;
  let box = null;

  const lightbox = () => {
    if (box) return box;
    const stage = make("div", { class: "stage" });
    const words = make("div", { class: "legend", "aria-live": "polite" });
    const step = (by) => box.show(box.at + by);
    const before = make("button", { type: "button", onclick: () => step(-1) }, "Previous");
    const after = make("button", { type: "button", onclick: () => step(1) }, "Next");
    const close = make("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close");
    const dialog = make("dialog", { class: "lightbox", "aria-label": "Picture" }, stage, words, make("div", { class: "buttons" }, before, after, close));
    box = { dialog, shots: [], at: 0, opener: null };
    box.show = (at) => {
      if (at < 0 || at >= box.shots.length) return;
      box.at = at;
      const shot = box.shots[at];
      const drawn = shot.querySelector(".picture").cloneNode(true);
      if (shot.href) drawn.src = shot.href;
      drawn.removeAttribute("loading");
      drawn.classList.add("whole");
      stage.replaceChildren(drawn);
      words.replaceChildren(...[...shot.closest("figure").querySelector("figcaption").childNodes].map((node) => node.cloneNode(true)));
      before.disabled = at === 0;
      after.disabled = at === box.shots.length - 1;
      before.hidden = after.hidden = box.shots.length < 2;
    };
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target === stage) dialog.close();
    });
    dialog.addEventListener("close", () => box.opener && box.opener.focus());
    document.body.append(dialog);
    return box;
  };

  document.addEventListener("click", (event) => {
    const shot = event.target.closest(".shot");
    if (!shot || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const opened = lightbox();
    opened.shots = [...shot.closest(".dialogue").querySelectorAll("figure .shot")];
    opened.opener = shot;
    const same = opened.shots.findIndex((one) => one === shot);
    opened.show(same >= 0 ? same : opened.shots.findIndex((one) => one.dataset.sha === shot.dataset.sha));
    opened.dialog.showModal();
  });

  // On hover and focus the picture of a chip is shown beside it, with its caption.
  const peek = make("div", { class: "peek", "aria-hidden": "true", hidden: true });
  const look = (event) => {
    const chip = event.target.closest?.(".chip");
    const shot = chip && [...chip.closest(".dialogue").querySelectorAll("figure .shot")].find((one) => one.dataset.sha === chip.dataset.sha);
    peek.hidden = !shot || (event.type === "focusin" && !chip.matches(":focus-visible"));
    if (peek.hidden) return;
    const drawn = shot.querySelector(".picture").cloneNode(true);
    drawn.classList.replace("picture", "large");
    const caption = shot.closest("figure").querySelector(".caption");
    peek.replaceChildren(drawn, ...(caption ? [caption.cloneNode(true)] : []));
    document.body.append(peek);
    const [at, own] = [chip.getBoundingClientRect(), peek.getBoundingClientRect()];
    peek.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - own.width - 8))}px`;
    peek.style.top = `${at.bottom + own.height + 14 < innerHeight ? at.bottom + 6 : Math.max(8, at.top - own.height - 6)}px`;
  };
  for (const name of ["mouseover", "focusin"]) document.addEventListener(name, look);
  const away = (event) => {
    if (event.type !== "keydown" || event.key === "Escape") peek.hidden = true;
  };
  for (const name of ["focusout", "keydown", "click"]) document.addEventListener(name, away);
  window.addEventListener("scroll", away, { passive: true });
})();
