// The chat's page: writes messages with pictures at any word, and follows answers while they grow.
// What a model says is only ever set as text; markup comes from the server's templates, which escape.
"use strict";
(() => {
  const { root, chat, largest } = document.body.dataset;
  const by = (id) => document.getElementById(id);
  const talk = by("talk");
  const message = by("message");
  const said = by("said");
  const tray = by("tray");
  const send = by("send");
  const stop = by("stop");
  const numbers = new Map(); // picture -> its number in this conversation

  // --- asking the server -----------------------------------------------------------------------

  const say = (text, wrong = false) => {
    said.textContent = text;
    said.classList.toggle("wrong", wrong);
  };

  const call = async (url, options = {}) => {
    let reply;
    try {
      reply = await fetch(url, options);
    } catch {
      throw new Error("The program does not answer. Is it still running in the terminal?");
    }
    if (!reply.ok) throw new Error(await reply.text());
    return reply;
  };
  const post = (path, body) => call(path, { method: "POST", body });
  const trying = (act) => async (...given) => {
    try {
      await act(...given);
    } catch (error) {
      say(error.message, true);
    }
  };

  const element = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html; // the server's own markup
    return holder.content.firstElementChild;
  };

  // --- the message -----------------------------------------------------------------------------

  const caret = () => {
    const selection = getSelection();
    if (selection.rangeCount && message.contains(selection.getRangeAt(0).commonAncestorContainer)) {
      return selection.getRangeAt(0);
    }
    const range = document.createRange();
    range.selectNodeContents(message);
    range.collapse(false);
    return range;
  };
  let place = null; // where the cursor was when the message lost the focus
  document.addEventListener("selectionchange", () => {
    const selection = getSelection();
    if (selection.rangeCount && message.contains(selection.anchorNode)) place = selection.getRangeAt(0).cloneRange();
  });

  const put = (node, range = null) => {
    const at = range ?? (place && message.contains(place.commonAncestorContainer) ? place : caret());
    at.deleteContents();
    at.insertNode(node);
    at.setStartAfter(node);
    at.collapse(true);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(at);
    place = at.cloneRange();
    message.focus();
    changed();
  };

  const chip = (image) => {
    const made = document.createElement("span");
    made.className = "chip";
    made.contentEditable = "false";
    made.dataset.image = image;
    const picture = document.createElement("img");
    picture.src = `${root}/images/${image}/small`;
    const number = document.createElement("b");
    number.setAttribute("aria-hidden", "true");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.addEventListener("click", () => {
      made.remove();
      message.focus();
      changed();
    });
    made.append(picture, number, remove);
    return made;
  };

  // Words and pictures in order, as the server takes them.
  const parts = (node = message, found = []) => {
    const add = (text) => {
      const last = found.at(-1);
      if (last && "text" in last) last.text += text;
      else found.push({ text });
    };
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) add(child.data.replaceAll("\u00a0", " "));
      else if (child.dataset?.image) found.push({ image: child.dataset.image });
      else if (child.tagName === "BR") add("\n");
      else {
        if (child.tagName === "DIV" && found.length) add("\n");
        parts(child, found);
      }
    }
    return found;
  };

  const fill = (given) => {
    message.replaceChildren(...given.map((part) => ("image" in part ? chip(part.image) : part.text)));
    const range = document.createRange();
    range.selectNodeContents(message);
    range.collapse(false);
    place = range;
    message.focus();
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    changed();
  };

  // Numbers go by order of appearance: first what was asked, then what is being written.
  const changed = () => {
    numbers.clear();
    for (const shown of document.querySelectorAll("#talk [data-image], #message [data-image]")) {
      if (!numbers.has(shown.dataset.image)) numbers.set(shown.dataset.image, numbers.size + 1);
    }
    for (const shown of message.querySelectorAll("[data-image]")) {
      const number = numbers.get(shown.dataset.image);
      shown.querySelector("b").textContent = number;
      shown.querySelector("img").alt = `Picture ${number}`;
      shown.querySelector("button").setAttribute("aria-label", `Remove picture ${number}`);
    }
    const kept = new Map([...tray.children].map((button) => [button.dataset.again, button]));
    tray.replaceChildren(
      ...[...numbers].map(([image, number]) => {
        const button = kept.get(image) ?? again(image);
        button.title = `Show picture ${number} again at the cursor`;
        button.querySelector("img").alt = `Picture ${number}`;
        button.querySelector("b").textContent = number;
        return button;
      })
    );
    message.classList.toggle("empty", parts().every((part) => "text" in part && !part.text.trim()));
  };

  const again = (image) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.again = image;
    const picture = document.createElement("img");
    picture.src = `${root}/images/${image}/small`;
    const number = document.createElement("b");
    number.setAttribute("aria-hidden", "true");
    button.append(picture, number);
    button.addEventListener("mousedown", (event) => event.preventDefault()); // the cursor stays where it is
    button.addEventListener("click", () => put(chip(image)));
    return button;
  };

  const add = trying(async (files, range = null) => {
    for (const file of files) {
      if (file.size > Number(largest)) throw new Error(`${file.name}: too large, ${largest >> 20} MiB at the most`);
      say(`Adding ${file.name} …`);
      const reply = await post(`${root}/images?name=${encodeURIComponent(file.name || "the picture")}`, file);
      put(chip((await reply.json()).image), range);
      range = null;
    }
    say("");
  });

  // --- writing it ------------------------------------------------------------------------------

  message.contentEditable = "true";
  message.addEventListener("input", changed);
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (event.shiftKey) document.execCommand("insertLineBreak");
    else by("ask").requestSubmit();
  });
  message.addEventListener("paste", (event) => {
    event.preventDefault(); // never the markup of another page
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (files.length) add(files);
    else document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  by("files").addEventListener("change", (event) => {
    add([...event.target.files]).then(() => (event.target.value = ""));
  });

  const dragged = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  };
  addEventListener("dragenter", over);
  addEventListener("dragover", over);
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!dragged(event)) return;
    event.preventDefault();
    const point = message.contains(event.target) ? document.caretRangeFromPoint?.(event.clientX, event.clientY) : null;
    add([...event.dataTransfer.files], point && message.contains(point.startContainer) ? point : null);
  });

  // --- answers ---------------------------------------------------------------------------------

  const writing = () => talk.querySelector('[data-stage="writing"]') !== null;

  const settled = () => {
    const busy = writing();
    send.hidden = busy;
    stop.hidden = !busy;
    talk.querySelector(".welcome").hidden = talk.querySelector(".exchange") !== null;
    const last = [...talk.querySelectorAll(".exchange")].at(-1);
    for (const exchange of talk.querySelectorAll(".exchange")) exchange.classList.toggle("last", exchange === last);
    for (const button of talk.querySelectorAll('[data-do="edit"]')) button.disabled = busy;
  };

  const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight });

  const follow = trying(async (answer) => {
    const words = answer.querySelector(".spoken");
    let text = "";
    const show = (line) => {
      const news = JSON.parse(line);
      const stay = atEnd();
      if ("html" in news) {
        const whole = element(news.html);
        answer.replaceWith(whole);
        by("heard").textContent = whole.dataset.stage === "whole" ? `${whole.dataset.name} has answered.` : "";
      } else {
        text = text.slice(0, news.at) + news.add;
        words.textContent = text;
      }
      if (stay) toEnd();
    };
    try {
      const reply = await call(`${chat}/answers/${answer.dataset.answer}`);
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        lines.forEach(show);
      }
    } catch (error) {
      answer.dataset.stage = "failed";
      answer.removeAttribute("aria-busy");
      throw new Error(`The connection was lost. ${error.message}`);
    } finally {
      settled();
    }
  });

  by("ask").addEventListener(
    "submit",
    trying(async (event) => {
      event.preventDefault();
      if (writing() || message.classList.contains("empty")) return;
      say("");
      send.disabled = true;
      try {
        const reply = await post(`${chat}/ask`, JSON.stringify({ parts: parts() }));
        const exchange = element(await reply.text());
        talk.append(exchange);
        fill([]);
        settled();
        toEnd();
        exchange.querySelectorAll("[data-answer]").forEach(follow);
      } finally {
        send.disabled = false;
      }
    })
  );

  stop.addEventListener("click", trying(() => post(`${chat}/stop`)));

  talk.addEventListener(
    "click",
    trying(async (event) => {
      const shot = event.target.closest(".shot");
      if (shot) {
        event.preventDefault();
        const full = by("full");
        full.querySelector("img").src = shot.href;
        full.querySelector("img").alt = shot.querySelector("img").alt;
        full.showModal();
        return;
      }
      const wish = event.target.closest("button")?.dataset.do;
      if (wish === "retry") {
        const answer = event.target.closest("[data-answer]");
        const number = answer.dataset.answer.split("/")[1];
        const fresh = element(await (await post(`${chat}/retry/${number}`)).text());
        answer.replaceWith(fresh);
        settled();
        follow(fresh);
      } else if (wish === "edit") {
        const { parts: given } = await (await post(`${chat}/back`)).json();
        event.target.closest(".exchange").remove();
        settled();
        fill(given);
      }
    })
  );
  by("full").addEventListener("click", (event) => {
    if (event.target.tagName !== "IMG") by("full").close();
  });

  // --- who answers, and keeping it -------------------------------------------------------------

  for (const choice of by("who").querySelectorAll("select")) {
    choice.addEventListener("change", () => by("who").requestSubmit());
  }
  by("keep").addEventListener(
    "submit",
    trying(async (event) => {
      event.preventDefault();
      const keep = event.target;
      if (keep.method === "post") {
        say((await (await post(keep.action)).json()).said);
        return;
      }
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await (await call(keep.action)).blob());
      link.download = `${chat.split("/").at(-1)}.zip`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      say(`Saved as ${link.download}.`);
    })
  );

  fill([...message.querySelectorAll("[data-opening]")].map((given) => ({ image: given.dataset.opening })));
  settled();
  talk.querySelectorAll('[data-stage="writing"]').forEach(follow);
  toEnd();
})();
