// The message bus for operators: how far each consumer of the events is, and which commands could
// not be taken. Only who may see all of it is asked for it.

import { askToResend } from "./acts.js";
import { get } from "./api.js";
import { byId, everySeconds, failure, h, moment, number, plural } from "./dom.js";
import { mayAudit, mayResend } from "./rights.js";

const REFRESH_SECONDS = 10;

const amount = (value) => h("td", { class: "amount" }, number(value));

/** A panel with a table that scrolls by itself, or with a sentence where there is nothing to show. */
const listed = (title, { items, more, unread }, { heads, row, none, rest }) => {
  const table = () => h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": `${title}: the table` },
    h("table", {},
      h("thead", {}, h("tr", {}, heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      h("tbody", {}, items.map(row))));
  return h("section", { class: "panel", "aria-label": title },
    h("h2", {}, title),
    unread ? h("p", { class: "error-text" }, `Not told: ${unread}.`) : items.length === 0 ? h("p", { class: "hint" }, none) : table(),
    more && h("p", { class: "hint" }, rest(items.length)));
};

const consumers = (list) => listed("Who reads the events", list, {
  heads: [["Consumer"], ["Waiting", "amount"], ["In hand", "amount"], ["Sent again", "amount"], ["Delivered up to", "amount"], ["Acknowledged up to", "amount"]],
  row: (consumer) => h("tr", {},
    h("th", { scope: "row" }, consumer.name),
    amount(consumer.pending), amount(consumer.unacknowledged), amount(consumer.redelivered), amount(consumer.delivered), amount(consumer.acknowledged)),
  none: "Nobody has made a consumer of the stream of events.",
  rest: (shown) => `There are more than these ${number(shown)}.`,
});

/** Only a letter whose content was kept can be sent again. */
const again = (letter) => (letter.content
  ? h("button", { class: "quiet", type: "button", "aria-label": `Send letter ${number(letter.sequence)} again`, click: () => askToResend(letter, refresh) }, "Send again")
  : h("span", { class: "hint" }, "content not kept"));

const letters = (list) => listed("Commands that could not be taken", list, {
  heads: [["Number", "amount"], ["When"], ["Why"], ...(mayResend() ? [["Again"]] : []), ["Subject"], ["Message id"]],
  row: (letter) => h("tr", {},
    amount(letter.sequence), h("td", {}, moment(letter.time)), h("td", {}, letter.reason || "not told"),
    mayResend() && h("td", {}, again(letter)),
    h("td", {}, h("code", {}, letter.subject)), h("td", {}, letter.messageId ? h("code", {}, letter.messageId) : "none")),
  none: "There is no dead letter.",
  rest: (shown) => `The newest ${plural(shown, "letter")}; NATS has more.`,
});

const refresh = async () => {
  const place = byId("bus-body");
  try {
    const told = await get("/bus", {}, { mind401: false });
    // A selection in the tables, or the focus in them, must outlive a refresh.
    if (document.getSelection()?.isCollapsed === false || place.contains(document.activeElement)) return;
    place.replaceChildren(...(told.bus === "connected" ? [consumers(told.consumers), letters(told.deadLetters)] : []));
  } catch (error) {
    // The other panels need no token; these two do, and one for every tenant.
    place.replaceChildren(...(error.status === 403 || error.status === 401 ? [] : [failure(error, refresh)]));
  }
};

/** Shows the tables for as long as the view is open; gives what ends that. */
export const watch = () => {
  byId("bus-body").replaceChildren();
  return mayAudit() ? everySeconds(REFRESH_SECONDS, refresh) : () => {};
};
