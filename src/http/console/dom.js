// Elements made of text. Every text that a client of the service wrote comes into the page through
// `h`, which makes text nodes and nothing else: it can never become markup or script.

const SVG = "http://www.w3.org/2000/svg";

const fill = (element, properties, children) => {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

/** An element; a property that is a function is a listener, a child that is a string is text. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** The same for a drawing. */
export const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

export const byId = (id) => document.getElementById(id);

/** The dialects, in the order of the service's own table. */
export const DIALECTS = {
  native: "CONTACT",
  mattr: "ECOSYSTEM_PARTICIPANT_CONTACT",
  oracle: "SITE_CONTACT",
  emnify: "ORGANISATION_CONTACT",
  thena: "ACCOUNT_CONTACT",
  kare: "COMPANY_CONTACT",
};

const isTime = (input) => input.type === "datetime-local";

/** A time as the service reads it (RFC 3339), from one that was typed in the browser's own zone. */
const toService = (local) => (Number.isNaN(Date.parse(local)) ? "" : new Date(local).toISOString());

/** The same the other way round, to the second. */
const toInput = (time) => {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
};

/** A form's fields that hold something. */
export const filled = (form) =>
  Object.fromEntries([...form.elements]
    .filter((input) => input.name)
    .map((input) => [input.name, isTime(input) ? toService(input.value) : input.value.trim()])
    .filter(([, value]) => value));

/** Puts values into a form's fields; what is not named is emptied, but for fields that are the reader's own. */
export const fillForm = (form, values) => {
  for (const input of form.elements) {
    if (!input.name || input.dataset.private !== undefined) continue;
    const value = values[input.name] ?? "";
    input.value = isTime(input) && value ? toInput(value) : value;
    if (input.tagName === "SELECT" && input.selectedIndex < 0) input.value = "";
  }
};

/** Calls back once a form has been left alone for a moment, or was submitted. */
export const whenSettled = (form, callback) => {
  let timer;
  let told;
  const now = () => JSON.stringify(filled(form));
  const soon = (delay) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      told = now();
      callback();
    }, delay);
  };
  form.addEventListener("input", (event) => soon(event.target.tagName === "SELECT" ? 0 : 180));
  // Some tools for the disabled, and WebDriver, tell of a change alone. A field that is left tells of
  // one that is known: to ask again then would take the list away from under the hand.
  form.addEventListener("change", () => now() !== told && soon(0));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    soon(0);
  });
};

/** Calls back now and again, while the page is looked at; gives what ends that. */
export const everySeconds = (seconds, callback) => {
  callback();
  const timer = setInterval(() => document.hidden || callback(), seconds * 1000);
  return () => clearInterval(timer);
};

// No locale is named: dates and numbers look as the browser's reader is used to.
const NUMBER = new Intl.NumberFormat();
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
// The page's words are English, so these are too.
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const number = (value) => NUMBER.format(value);
export const moment = (time) => MOMENT.format(new Date(time));
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

const ago = (time) => {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const steps = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];
  let amount = seconds;
  for (const [unit, size] of steps) {
    if (Math.abs(amount) < size) return AGO.format(Math.round(amount), unit);
    amount /= size;
  }
  return moment(time);
};

/** A time of today as a clock shows it, another with its day. */
const clock = (time) => {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`;
};

/** A time as people say it, with the exact one behind it. */
export const when = (time, how = "ago") =>
  h("time", { datetime: time, title: `${moment(time)} (${time})`, "data-words": how }, how === "clock" ? clock(time) : ago(time));

/** Says again how long ago the times on the page are, for "now" is true for a second only. */
export const tellTimesAgain = () => {
  for (const element of document.querySelectorAll('time[data-words="ago"]')) {
    const words = ago(element.dateTime);
    if (element.textContent !== words) element.textContent = words;
  }
};

/** A small label, the name of a dialect for instance. */
export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

/** A button that puts a text on the clipboard, and says that it did. */
export const copier = (text, what) => {
  const button = h("button", { class: "copy", type: "button", "aria-label": `Copy ${what}`, title: `Copy ${what}` }, "Copy");
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
};

/** Labels with values; a value may be an element. */
export const facts = (rows, kind = "facts") =>
  h("dl", { class: kind }, rows.filter(Boolean).map(([label, value]) =>
    h("div", {}, h("dt", {}, label), h("dd", {}, value))));

/** What stands where there is nothing to show: nothing yet, nothing found, not allowed, broken. */
export const notice = (title, text, { kind = "empty", action } = {}) =>
  h("div", { class: `notice ${kind}`, role: kind === "error" ? "alert" : undefined },
    h("p", { class: "notice-title" }, title), text && h("p", {}, text), action);

/** The shape of what is on its way. */
export const skeleton = (lines) =>
  h("div", { class: "skeleton", "aria-hidden": "true" }, Array.from({ length: lines }, () => h("span")));

/** An error as a notice that offers another try. */
export const failure = (error, retry) => {
  const action = retry && h("button", { class: "quiet", type: "button", click: retry }, "Try again");
  if (error.status === 401) return notice("A token is needed", "Give one with the Token button above.", { action });
  if (error.status === 403) return notice("This token may not do this", error.message, { kind: "error", action });
  return notice(error.title ?? "That did not work", error.message, { kind: "error", action });
};
