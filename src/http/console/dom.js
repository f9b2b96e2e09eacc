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

/** A form's fields that hold something. */
export const filled = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));

/** Calls back once a form has been left alone for a moment, or was submitted. */
export const whenSettled = (form, callback) => {
  let timer;
  const soon = (delay) => {
    clearTimeout(timer);
    timer = setTimeout(callback, delay);
  };
  form.addEventListener("input", (event) => soon(event.target.tagName === "SELECT" ? 0 : 180));
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

const NUMBER = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
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

/** A time as people say it, with the exact one behind it. */
export const when = (time, how = "ago") =>
  h("time", { datetime: time, title: `${moment(time)} (${time})` }, how === "clock" ? CLOCK.format(new Date(time)) : ago(time));

/** The name of a dialect, always looking the same. */
export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

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
  if (error.status === 403) return notice("This token may not see this", error.message, { kind: "error", action });
  return notice(error.title ?? "That did not work", error.message, { kind: "error", action });
};
