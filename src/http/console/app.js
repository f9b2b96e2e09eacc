// The frame: which view is shown, the token, and the state in the corner. The address holds the
// view and a contact's id; never a token, and nothing that was searched for.

import { get, keepToken, token, whenUnauthorized } from "./api.js";
import { byId, DIALECTS, everySeconds, h, number } from "./dom.js";
import * as contacts from "./contacts.js";
import * as events from "./events.js";
import * as state from "./state.js";
import * as stats from "./stats.js";

const VIEWS = { contacts, events, stats, state };
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

let shown = null;
let leave = () => {};

/** Shows what the address names; a view is told when it is left, so that nothing works unseen. */
const show = ({ again = false } = {}) => {
  const [name, rest] = location.hash.slice(1).split("/");
  if (name === "main") return;
  const view = VIEWS[name] ? name : "contacts";
  if (view !== shown || again) {
    leave();
    shown = view;
    for (const key of Object.keys(VIEWS)) byId(`view-${key}`).hidden = key !== view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    leave = VIEWS[view].enter() ?? (() => {});
    document.title = `${byId(`${view}-title`).textContent} · contactd`;
  }
  if (view === "contacts") contacts.open(ID.test(rest) ? rest : null, { again });
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
    say(ready ? "good" : "bad", ready ? `Ready · ${number(position)}` : "Not ready");
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
    byId("main").focus();
  });
};

for (const select of document.querySelectorAll("[data-dialects]")) {
  select.append(h("option", { value: "" }, "Any"), ...Object.keys(DIALECTS).map((name) => h("option", {}, name)));
}
for (const view of Object.values(VIEWS)) view.prepare();
prepareToken();
prepareKeys();
addEventListener("hashchange", () => show());
everySeconds(5, pulse);
show();
