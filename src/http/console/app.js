// The frame: which view is shown, the token, and the state in the corner.

import { read } from "./address.js";
import { get, keepToken, token, whenUnauthorized } from "./api.js";
import { byId, DIALECTS, everySeconds, h, number, tellTimesAgain } from "./dom.js";
import * as commands from "./commands.js";
import { create, edit } from "./compose.js";
import * as contacts from "./contacts.js";
import * as events from "./events.js";
import * as find from "./find.js";
import * as state from "./state.js";
import * as stats from "./stats.js";

const VIEWS = { contacts, create, edit, events, commands, stats, state };
/** Views that are part of another's, as the navigation shows it. */
const PART_OF = { create: "contacts", edit: "contacts", commands: "events" };

let shown = null;
let leave = () => {};

/** Shows what the address names; a view is told when it is left, so that nothing works unseen. */
const show = ({ again = false } = {}) => {
  const address = read();
  if (address.view === "main") return;
  const view = VIEWS[address.view] ? address.view : "contacts";
  if (view === shown && !again) return VIEWS[view].moved?.(address);
  leave();
  shown = view;
  for (const key of Object.keys(VIEWS)) byId(`view-${key}`).hidden = key !== view;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.dataset.view === (PART_OF[view] ?? view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave = VIEWS[view].enter(address) ?? (() => {});
  document.title = `${byId(`${view}-title`).textContent} · contactd`;
  if (!again) scrollTo(0, 0);
};

const askForToken = () => {
  const dialog = byId("token-dialog");
  byId("token-forget").hidden = token() === "";
  byId("token").value = "";
  if (!dialog.open) dialog.showModal();
};

const prepareToken = () => {
  const dialog = byId("token-dialog");
  const error = byId("token-error");
  byId("token-button").addEventListener("click", () => {
    error.textContent = "";
    askForToken();
  });
  byId("token-cancel").addEventListener("click", () => dialog.close());
  byId("token-forget").addEventListener("click", () => {
    keepToken("");
    dialog.close();
    show({ again: true });
  });
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    error.textContent = "";
    keepToken(byId("token").value.trim().replace(/^Bearer\s+/i, ""));
    dialog.close();
    show({ again: true });
  });
  whenUnauthorized((refused) => {
    error.textContent = refused ? "The service refused that token: it may have expired." : "";
    askForToken();
  });
};

const pulse = async () => {
  const corner = byId("pulse");
  const say = (kind, text) => {
    corner.dataset.state = kind;
    byId("pulse-text").textContent = text;
  };
  try {
    const { ready, position } = await get("/readyz", {}, { anyStatus: true });
    say(ready ? "good" : "bad", ready ? `Ready, ${number(position)} events` : "Not ready");
  } catch {
    say("bad", "Unreachable");
  }
};

const prepareKeys = () => {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      location.hash = "#contacts";
      requestAnimationFrame(() => byId("q").focus());
    }
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    // Past the filters, too: to the first result where there is one.
    (document.querySelector("#view-contacts:not([hidden]) #results a, #view-events:not([hidden]) #log summary") ?? byId("main")).focus();
  });
};

for (const select of document.querySelectorAll("[data-dialects]")) {
  select.append(h("option", { value: "" }, "Any"), ...Object.keys(DIALECTS).map((name) => h("option", {}, name)));
}
for (const view of Object.values(VIEWS)) view.prepare();
find.prepare();
prepareToken();
prepareKeys();
addEventListener("hashchange", () => show());
everySeconds(5, pulse);
everySeconds(5, tellTimesAgain);
show();
