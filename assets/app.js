// What pages cannot do without a script: dialogs, and groups of fields of which one is shown. All else works without.
"use strict";

// Times in the viewer's time zone, and numbers as the viewer's language groups them.
const exactly = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" });

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = exactly.format(new Date(time.dateTime));
    if ("exact" in time.dataset) time.textContent = time.title;
  }
  for (const data of root.querySelectorAll("data[value]")) data.textContent = Number(data.value).toLocaleString();
}

// A log that grows shows its end, unless somebody reads further up.
let readBack = null;
document.addEventListener("scroll", (event) => {
  const log = event.target;
  if (!(log instanceof Element) || !log.matches("[data-follow]")) return;
  readBack = log.scrollTop + log.clientHeight < log.scrollHeight - 24 ? log.scrollTop : null;
}, true);

function ready(root) {
  localize(root);
  for (const dialog of root.querySelectorAll("dialog[data-open]")) {
    if (!dialog.matches(":modal")) {
      dialog.removeAttribute("open");
      dialog.showModal();
    }
    dialog.addEventListener("cancel", (event) => {
      // A dialog inside it has its own end.
      if (event.target !== dialog) return;
      event.preventDefault();
      const way = dialog.querySelector("[data-close]");
      if (way) way.click();
    });
    // A browser ends a dialog at the second Esc in a row, whatever its `cancel` says.
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      const inner = dialog.querySelector("dialog[open]");
      const way = dialog.querySelector("[data-close]");
      if (inner) inner.close();
      else if (way) way.click();
    });
    const main = dialog.querySelector("[data-focus]");
    if (main) main.focus();
  }
  for (const choice of root.querySelectorAll("[data-ways]")) {
    const show = () => {
      for (const way of choice.querySelectorAll("input[type=radio][data-shows]")) {
        const fields = document.getElementById(way.dataset.shows);
        if (fields) {
          fields.hidden = !way.checked;
          fields.disabled = !way.checked;
        }
      }
    };
    choice.addEventListener("change", show);
    show();
  }
  for (const all of root.querySelectorAll("input[type=checkbox][data-all]")) {
    all.addEventListener("change", () => {
      for (const one of document.querySelectorAll(`input[type=checkbox][name="${all.dataset.all}"]`)) one.checked = all.checked;
    });
  }
  for (const label of root.querySelectorAll("[data-count]")) {
    const count = () => {
      const selected = document.querySelectorAll(`input[type=checkbox][name="${label.dataset.count}"]:checked`);
      label.textContent = `${selected.length} selected`;
      label.closest(".bar").hidden = selected.length === 0;
    };
    label.closest("form").addEventListener("change", count);
    count();
  }
  for (const { form } of root.querySelectorAll("[data-asks]")) unchanged.set(form, sent(form));
  for (const log of root.querySelectorAll("[data-follow]")) log.scrollTop = readBack ?? log.scrollHeight;
  const wrong = root.querySelector("[aria-invalid=true]");
  if (wrong && root === document) wrong.focus();
}

// A link to a field leads into it. The browser itself only scrolls there, and drops the focus when it does.
function enterField() {
  const field = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!field) return;
  const around = field.closest("details");
  if (around && !around.open) {
    around.open = true;
    field.scrollIntoView({ block: "center" });
  }
  if (!location.hash.endsWith("-field")) return;
  const control = field.querySelector("input:not([type=hidden]), select, textarea");
  if (control) requestAnimationFrame(() => control.focus());
}
window.addEventListener("load", enterField);
window.addEventListener("hashchange", enterField);

// Closing a form with answers that were not sent asks what to do with them.
const sent = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrf"));
const unchanged = new WeakMap();
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-asks]");
  if (!button || !unchanged.has(button.form) || unchanged.get(button.form) === sent(button.form)) return;
  event.preventDefault();
  document.getElementById(button.dataset.asks).showModal();
});

// A blank around a secret mostly comes from copying it. It may belong to it, so the page asks.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || field.type !== "password" || !field.name.startsWith("secrets.")) return;
  const asked = field.parentElement.querySelector("[data-blanks]");
  if (asked) asked.remove();
  if (field.value === field.value.trim()) return;
  const note = document.createElement("p");
  note.className = "fault";
  note.dataset.blanks = "";
  note.setAttribute("role", "alert");
  const answer = (label, act) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", () => { act(); note.remove(); field.focus(); });
    return button;
  };
  const remove = answer("Remove the blanks", () => { field.value = field.value.trim(); });
  note.append("This begins or ends with a blank. ", remove, " ", answer("Keep them", () => {}));
  field.after(note);
});

// What takes long says so, and is not begun twice.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button) return;
  if (button.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    return;
  }
  button.setAttribute("aria-disabled", "true");
  const busy = document.getElementById(button.dataset.busy || "");
  if (busy) busy.textContent = busy.dataset.says;
});

// The value of a bar shows below its chart while somebody points at it.
document.addEventListener("pointerover", (event) => {
  const bar = event.target instanceof Element && event.target.closest("[data-value]");
  const reading = bar && bar.closest("figure").querySelector(".reading");
  if (!reading) return;
  reading.dataset.label ??= reading.textContent;
  reading.textContent = `${exactly.format(new Date(bar.dataset.at))}: ${bar.dataset.value}`;
  bar.closest("svg").addEventListener("pointerleave", () => { reading.textContent = reading.dataset.label; }, { once: true });
});

// A page that is gone back to is as it was left, but nothing is at work on it.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-dismiss]");
  if (button) button.closest(".note").remove();
});

document.addEventListener("DOMContentLoaded", () => {
  ready(document);
  // On a phone, the pages are a row to scroll.
  const here = document.querySelector(".top nav [aria-current]");
  if (here) here.closest("ul").scrollLeft = here.offsetLeft - 16;
});
document.addEventListener("htmx:after:settle", (event) => {
  if (event.target instanceof Element) ready(event.target);
  // Whoever pressed a button that is gone goes on at the one that takes its place.
  const next = document.querySelector("[data-focus]");
  if (next && document.activeElement === document.body) next.focus();
});

// The seconds of a stage in progress.
setInterval(() => {
  for (const shown of document.querySelectorAll("[data-seconds]")) {
    shown.dataset.seconds = Number(shown.dataset.seconds) + 1;
    shown.textContent = `${shown.dataset.seconds} s`;
  }
}, 1000);

// A page whose session has ended, or whose server is away, keeps what was typed, and says what to do.
const trouble = {
  session: ["Your session has ended", "What you typed is still here. Sign in again in a new tab, then continue on this page.", "Sign in"],
  away: ["The server is not responding", "What you typed is still here. This page tries again by itself.", ""],
};

// How long a page waits before it asks a server again that was away, in milliseconds.
const AGAIN = 2000;
let again;

function report(kind) {
  clearTimeout(again);
  // Events alone would not bring it back: their connection may outlive a question that failed.
  if (kind === "away") again = setTimeout(() => look("alerts"), AGAIN);
  let note = document.getElementById("trouble");
  if (note && note.dataset.kind === kind) return;
  if (note) note.remove();
  if (!kind) return;
  const [title, text, link] = trouble[kind];
  note = document.createElement("section");
  note.id = "trouble";
  note.className = "note warn";
  note.dataset.kind = kind;
  note.setAttribute("role", "alert");
  note.append(Object.assign(document.createElement("h2"), { textContent: title }), Object.assign(document.createElement("p"), { textContent: text }));
  if (link) note.append(Object.assign(document.createElement("a"), { textContent: link, href: "/login", target: "_blank", className: "button" }));
  (document.querySelector("dialog[open] .sheet") || document.getElementById("main")).prepend(note);
}

document.addEventListener("htmx:after:request", (event) => {
  const isOut = event.detail.ctx.response.status === 401;
  report(isOut ? "session" : "");
  // The part stays as it is, and asks again.
  if (isOut) event.preventDefault();
});
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && !event.detail.ctx.response) report("away");
});
// Whoever comes back from signing in elsewhere continues here, with the forms of the new session.
window.addEventListener("focus", () => {
  const toasts = document.getElementById("toasts");
  if (toasts && document.getElementById("trouble")) toasts.dispatchEvent(new Event("look"));
});
document.addEventListener("htmx:after:settle", () => {
  const toasts = document.getElementById("toasts");
  if (!toasts || !toasts.dataset.csrf) return;
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = toasts.dataset.csrf;
});
// A form must not lead to the browser's own page about a server that is away, or away from what was typed.
document.addEventListener("submit", (event) => {
  if (!document.getElementById("trouble") || event.defaultPrevented) return;
  event.preventDefault();
  if (event.submitter) event.submitter.removeAttribute("aria-disabled");
  document.getElementById("trouble").scrollIntoView({ block: "nearest" });
});

// One stream of events tells a page what has changed; its parts then ask for themselves. A page that is hidden has none: a
// browser opens only a few connections to one server.
let events;

function look(kind) {
  for (const part of document.querySelectorAll(`[data-live~="${kind}"]`)) {
    // Whoever is at a control of a part keeps it.
    const isInUse = part.matches("#rows, #state") && part.contains(document.activeElement);
    if (!isInUse) part.dispatchEvent(new Event("look"));
  }
}

function listen() {
  if (document.hidden || !document.getElementById("toasts")) {
    if (events) events.close();
    events = undefined;
  } else if (!events || events.readyState === EventSource.CLOSED) {
    events = new EventSource("/events");
    for (const kind of ["runs", "alerts", "drafts"]) events.addEventListener(kind, () => look(kind));
    // The answer to the next question says that the session has ended.
    events.addEventListener("session", () => look("alerts"));
    events.addEventListener("open", () => look(document.getElementById("trouble") ? "alerts" : "run"));
    events.addEventListener("error", () => setTimeout(() => { look("alerts"); listen(); }, 5000));
  }
}
document.addEventListener("visibilitychange", listen);
window.addEventListener("pageshow", listen);
window.addEventListener("pagehide", () => {
  if (events) events.close();
  events = undefined;
});

// Rows by keyboard: j and k move through them, x selects one. Enter follows its link by itself.
document.addEventListener("keydown", (event) => {
  const rows = [...document.querySelectorAll("table[data-rows] tbody tr")];
  const isTyped = event.target instanceof Element && event.target.matches("input:not([type=checkbox]), select, textarea");
  if (!rows.length || isTyped || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    const link = row.querySelector("td a");
    if (link) link.focus();
    row.scrollIntoView({ block: "nearest" });
  } else if (event.key === "x" && at >= 0) {
    event.preventDefault();
    const box = rows[at].querySelector("input[type=checkbox]");
    if (box) box.click();
  }
});

// The address of a list says what it is filtered by, so that a reload, a bookmark and going back show the same.
document.addEventListener("htmx:after:request", (event) => {
  const form = event.detail.ctx.sourceElement;
  if (!(form instanceof HTMLFormElement) || !("address" in form.dataset)) return;
  const said = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(history.state, "", `${form.getAttribute("action")}?${new URLSearchParams(said)}`);
});

// Search and commands open on every page by Ctrl-K (⌘K on a Mac) or a button, and notifications in a drawer. Arrows move
// through what was found.
function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const box = dialog.querySelector("#palette-q");
  if (box) box.select();
  (box || dialog.querySelector("[hx-trigger~=look]")).dispatchEvent(new Event("look"));
}
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const opener = event.target.closest("[data-opens]");
  // A click with Ctrl or Shift opens the page of the link, as on every link.
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey && document.getElementById(opener.dataset.opens)) {
    event.preventDefault();
    openDialog(opener.dataset.opens);
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
  // The backdrop belongs to the dialog itself.
  if (["palette", "drawer"].includes(event.target.id)) event.target.close();
});
document.addEventListener("keydown", (event) => {
  // On a Mac, Ctrl-K belongs to the text that one writes.
  const isAsked = navigator.platform.startsWith("Mac") ? event.metaKey : event.ctrlKey;
  if (event.key.toLowerCase() === "k" && isAsked && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    openDialog("palette");
    return;
  }
  const dialog = document.getElementById("palette");
  if (!dialog || !dialog.open) return;
  const found = [...dialog.querySelectorAll("#palette-found a, #palette-found button")];
  const box = dialog.querySelector("#palette-q");
  if (event.key === "Enter" && document.activeElement === box) {
    event.preventDefault();
    if (found.length) found[0].click();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !found.length) return;
  event.preventDefault();
  // One place before the first result is the search box.
  const at = found.indexOf(document.activeElement) + step;
  const next = at < 0 ? box : found[Math.min(at, found.length - 1)];
  next.focus();
});
