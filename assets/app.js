// What pages cannot do without a script: dialogs, and groups of fields of which one is shown. All else works without.
"use strict";

function ready(root) {
  for (const dialog of root.querySelectorAll("dialog[data-open]")) {
    if (!dialog.matches(":modal")) {
      dialog.removeAttribute("open");
      dialog.showModal();
    }
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      const way = dialog.querySelector("a[data-close]");
      if (way) way.click();
    });
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
    };
    label.closest("form").addEventListener("change", count);
    count();
  }
  for (const log of root.querySelectorAll("[data-follow]")) log.scrollTop = log.scrollHeight;
  const wrong = root.querySelector("[aria-invalid=true]");
  if (wrong && root === document) wrong.focus();
}

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

// A page that is gone back to is as it was left, but nothing is at work on it.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-dismiss]");
  if (button) button.closest(".note").remove();
});

document.addEventListener("DOMContentLoaded", () => ready(document));
document.addEventListener("htmx:after:settle", (event) => {
  if (event.target instanceof Element) ready(event.target);
});
