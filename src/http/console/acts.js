// Deleting, erasing and sending a dead letter again, each behind a question that says what it does.

import { act } from "./api.js";
import { groups, nameOf } from "./card.js";
import { byId, facts, failure, h, number, plural } from "./dom.js";
import * as prove from "./prove.js";
import { mayAudit } from "./rights.js";
import { REASONS } from "./words.js";

/** Shows a question; gives the dialog's element, whose content is the caller's. */
const ask = (title, ...content) => {
  const dialog = byId("act-dialog");
  dialog.replaceChildren(h("h2", { id: "act-title", tabindex: "-1" }, title), ...content);
  if (!dialog.open) dialog.showModal();
  return dialog;
};

const close = () => byId("act-dialog").close();

const cancel = (text = "Cancel") => h("button", { class: "quiet", type: "button", click: close }, text);

/** A form that does something once, and says below it why it could not. */
const form = (content, buttons, work) => {
  const told = h("div", { role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    told.replaceChildren();
    buttons[0].disabled = true;
    try {
      await work(Object.fromEntries(new FormData(event.target)));
    } catch (error) {
      told.replaceChildren(failure(error));
    }
    buttons[0].disabled = false;
  };
  return h("form", { submit }, content, told, h("div", { class: "buttons" }, buttons));
};

/** Asks whether to delete a contact, and does it; `done` shows what is left. */
export const askToDelete = ({ id, card, version }, done) => {
  const work = async () => {
    await act("DELETE", `/contacts/${id}`, { headers: { "if-match": `"${version}"` } });
    close();
    done();
  };
  const button = h("button", { class: "primary danger", type: "submit" }, "Delete");
  ask(`Delete ${nameOf(card)}?`,
    form([
      h("p", {}, "Searches and the vendor's API will not find this contact any more."),
      h("p", { class: "hint" }, "What it held stays in its history until it is erased. Somebody who changed it meanwhile keeps you from deleting it unseen."),
    ], [button, cancel()], work));
};

/** What an erasure destroys: the groups of values, and the versions that hold any. */
const removed = (card, entries) => {
  const held = entries.filter(({ operation }) => operation === "create" || operation === "update").length;
  return h("div", { class: "two" },
    h("section", {}, h("h3", {}, "Destroyed for good"),
      h("ul", { class: "plain-list" },
        card && [h("li", {}, nameOf(card)), ...groups(card).map(({ title, rows }) => h("li", {}, `${title}: ${rows.map(([, value]) => value).join(", ")}`))],
        h("li", {}, `what ${held === 1 ? "1 version holds" : `${number(held)} versions hold`}`))),
    h("section", {}, h("h3", {}, "Stays"),
      h("ul", { class: "plain-list" },
        h("li", {}, `that ${plural(entries.length, "change")} happened: when, by whom, which fields`),
        h("li", {}, "ids, and the reference below, in clear"),
        h("li", {}, "backups with keys, and what consumers copied: they are not reached"))));
};

/** The certificate of an erasure: the proof that its event is in the signed log, as a file. */
export const certificate = (id, position) => {
  const told = h("span", { class: "hint", role: "status" }, "It proves that this event is in the signed log.");
  const fetchIt = async () => {
    told.textContent = "Waiting for a checkpoint that covers it…";
    try {
      await prove.download(position, `erasure-${id}.tlog-proof`);
      told.textContent = "Anybody can check this file with the log's key.";
    } catch (error) {
      told.textContent = error.title ?? error.message;
    }
  };
  return h("p", { class: "certificate" }, h("button", { class: "quiet", type: "button", click: fetchIt }, "Download the certificate"), told);
};

/** Asks whether to send a dead letter again, and does it. */
export const askToResend = ({ sequence, subject, reason }, after) => {
  const work = async () => {
    const { json } = await act("POST", `/bus/dead/${sequence}/resend`);
    after();
    ask("Sent again",
      h("p", {}, json.duplicate ? "NATS has just had this message id, and dropped the second: try again in a moment." : `It is message ${number(json.sequence)} of the commands that wait.`),
      h("p", {}, h("a", { href: `#commands/${encodeURIComponent(json.messageId)}`, click: close }, "What came of it")),
      h("p", { class: "hint" }, "A command that still can't be taken becomes another dead letter."),
      h("div", { class: "buttons" }, cancel("Close")));
    byId("act-title").focus();
  };
  const button = h("button", { class: "primary", type: "submit" }, "Send again");
  ask(`Send dead letter ${number(sequence)} again?`,
    form([
      facts([["Subject", h("code", {}, subject)], ["Why it was not taken", reason]]),
      h("p", {}, "The command is carried out in your name, as if you had sent it: the letter holds no token. Its message id stays, so that nothing happens twice."),
    ], [button, cancel()], work));
};

const done = (id, position) => {
  ask("Erased",
    h("p", {}, `The personal data is gone for good. The erasure is event ${number(position)} of the log.`),
    mayAudit() && certificate(id, position),
    h("div", { class: "buttons" }, cancel("Close")));
  byId("act-title").focus();
};

/** Asks for reason and reference, erases a contact, and offers the certificate. */
export const askToErase = ({ id, card }, entries, after) => {
  const work = async ({ reason, reference }) => {
    const body = JSON.stringify(reference ? { reason, reference } : { reason });
    const { json } = await act("POST", `/contacts/${id}/erase`, { headers: { "content-type": "application/json" }, body });
    after();
    done(id, json.position);
  };
  const button = h("button", { class: "primary danger", type: "submit" }, "Erase for good");
  ask(card ? `Erase ${nameOf(card)}?` : "Erase this contact?",
    form([
      removed(card, entries),
      h("label", { class: "field" }, h("span", {}, "Reason"),
        h("select", { name: "reason" }, Object.entries(REASONS).map(([value, text]) => h("option", { value }, text)))),
      h("label", { class: "field" }, h("span", {}, "Reference, if there is one: a ticket, never a name"),
        h("input", { name: "reference", maxlength: "64", pattern: "[A-Za-z0-9._\\-]{1,64}", autocomplete: "off", spellcheck: "false", placeholder: "ticket-545" })),
      h("label", { class: "check" }, h("input", { type: "checkbox", required: true }), h("span", {}, "I know that nobody can undo this.")),
    ], [button, cancel()], work));
};
