// The keys of the desk. Without this file every page works by links, fields and buttons.
"use strict";

const reviews = () => [...document.querySelectorAll("[data-review]")];
const inField = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

function choose(link) {
  for (const each of reviews()) each.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  link.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", link.href);
}

function move(by) {
  const all = reviews();
  const now = all.findIndex((each) => each.hasAttribute("aria-current"));
  const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
  if (next && next !== all[now]) next.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && inField(event.target)) return event.target.blur();
  if (inField(event.target)) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
  } else if (event.key === "/") {
    event.preventDefault();
    document.querySelector("input[type=search]")?.focus();
  } else if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
    const note = document.getElementById("note");
    if (note) {
      event.preventDefault();
      note.focus();
    }
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-review]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) choose(link);
});

// What is said of a refusal belongs on the page. Where nobody answers, the page stays as it is and
// asks again.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status >= 400 && status < 500) event.detail.shouldSwap = true;
});
