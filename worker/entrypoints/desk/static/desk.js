// The keys of the desk, and what a page says where a part of it does not come. Without this file
// every page works by links, fields and buttons.
"use strict";

const reviews = () => [...document.querySelectorAll("[data-review]")];
const inField = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

function choose(link) {
  for (const each of reviews()) each.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  link.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", link.href);
  // It still shows the review before: nothing of that can be pressed any more.
  document.getElementById("review").inert = true;
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

// Before htmx, which would fetch into this page what is opened in another tab.
const beforeHtmx = { capture: true };
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-review]");
  if (!link) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) event.stopPropagation();
  else choose(link);
}, beforeHtmx);

// Where a part keeps what it shows, its failure has a place of its own in it.
const placeOfFailure = (part) => part.querySelector(":scope > [data-failure]") ?? part;

// Where the live part gets no answer, it keeps what it shows, says that it is old, and asks again.
const isLive = (part) => part.id === "live";
function sayOld(live) {
  const old = live.querySelector(":scope > [role=alert]");
  if (old) old.hidden = false;
}

// What is said of a failure belongs on the page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (xhr.status < 400) return;
  if (isLive(target) && xhr.status >= 500) return sayOld(target);
  event.detail.shouldSwap = true;
  event.detail.target = placeOfFailure(target);
});

document.addEventListener("htmx:afterSwap", (event) => {
  event.detail.target.inert = false;
});

// The desk itself does not answer, or too late.
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const { target } = event.detail;
    if (isLive(target)) return sayOld(target);
    const said = document.getElementById("no-answer").content.cloneNode(true);
    placeOfFailure(target).replaceChildren(said);
    target.inert = false;
  });
}
