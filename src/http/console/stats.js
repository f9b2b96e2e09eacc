// The statistics as plots: commands by the hour, by dialect, by operation; events by tenant.

import { keep } from "./address.js";
import { get } from "./api.js";
import { byId, everySeconds, failure, filled, fillForm, h, moment, notice, number, skeleton, whenSettled } from "./dom.js";
import { bars, columns } from "./plot.js";

const REFRESH_SECONDS = 10;
const TENANTS_SHOWN = 10;
const HOURS_MIN = 6;

const HOUR = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });

let asking = new AbortController();

/** Outcomes of counts, for each value of a member: a START says nothing yet. */
const outcomes = (counts, member) => {
  const found = new Map();
  for (const count of counts) {
    const label = member ? count[member].toLowerCase() : "all";
    const sum = found.get(label) ?? { label, good: 0, bad: 0 };
    if (count.phase === "SUCCESS") sum.good += count.count;
    if (count.phase === "FAIL") sum.bad += count.count;
    found.set(label, sum);
  }
  return [...found.values()];
};

const tile = (label, value, note) =>
  h("div", { class: "tile" }, h("dt", {}, label), h("dd", {}, value), note && h("dd", { class: "hint" }, note));

const rate = (value) => (value === 0 ? "0" : value < 0.1 ? "< 0.1" : value.toFixed(1));

const tiles = ({ total, counts, tenantsTotal, hours }) => {
  const [{ good, bad } = { good: 0, bad: 0 }] = outcomes(counts);
  const share = good + bad > 0 ? `${((good / (good + bad)) * 100).toFixed(1)}%` : "–";
  return h("dl", { class: "tiles" },
    tile("Events", number(total), "in the whole log"),
    tile("Succeeded", share, `of ${number(good + bad)} commands`),
    tile("Tenants", number(tenantsTotal)),
    tile("Events a second", rate(hours.at(-1)?.perSecond ?? 0), "in the hour of the last event"));
};

/** A few hours at least, so that a young log is no single column: before the first event nothing happened. */
const wholeTime = (hours) => {
  const missing = HOURS_MIN - hours.length;
  const first = new Date(hours[0]?.hour ?? Date.now()).getTime();
  const before = Array.from({ length: Math.max(0, missing) }, (_, index) =>
    ({ hour: first - (missing - index) * 3_600_000, counts: [], perSecond: 0 }));
  return [...before, ...hours];
};

const plots = (stats) => {
  const points = wholeTime(stats.hours).map(({ hour, counts, perSecond }) => {
    const [{ good, bad } = { good: 0, bad: 0 }] = outcomes(counts);
    return { label: HOUR.format(new Date(hour)), good, bad, rate: rate(perSecond) };
  });
  const tenants = stats.tenants.slice(0, TENANTS_SHOWN);
  return h("div", { class: "plots" },
    columns("Commands by the hour", points),
    bars("Commands by dialect", outcomes(stats.counts, "dialect")),
    bars("Commands by operation", outcomes(stats.counts, "operation")),
    bars(stats.tenantsTotal > TENANTS_SHOWN ? `Events by tenant, the ${TENANTS_SHOWN} with most` : "Events by tenant",
      tenants.map(({ dialect, tenant, count }) => ({ label: `${tenant} (${dialect})`, good: count })), "Events"));
};

/** Asks anew. A table that is open stays open. */
const refresh = async () => {
  asking.abort();
  const { signal } = (asking = new AbortController());
  const place = byId("stats-body");
  if (place.childElementCount === 0) place.replaceChildren(skeleton(6));
  try {
    const stats = await get("/stats", filled(byId("stats-filters")), { signal });
    const open = [...place.querySelectorAll("details")].map((details) => details.open);
    byId("stats-status").textContent = stats.total > 0 ? `Up to ${moment(stats.time)}` : "";
    if (stats.total === 0) {
      const isFiltered = ["dialect", "tenant"].some((name) => filled(byId("stats-filters"))[name]);
      place.replaceChildren(notice("Nothing to count", isFiltered ? "No event passes these filters." : "The log holds no events yet."));
      return;
    }
    if (place.contains(document.activeElement)) return;
    place.replaceChildren(tiles(stats), plots(stats));
    place.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? false));
  } catch (error) {
    if (signal.aborted) return;
    byId("stats-status").textContent = "";
    place.replaceChildren(error.status === 404
      ? notice("Not available", "This service keeps no statistics.")
      : failure(error, refresh));
  }
};

export const prepare = () => whenSettled(byId("stats-filters"), () => {
  keep("stats", "", filled(byId("stats-filters")));
  refresh();
});

export const enter = ({ filters }) => {
  fillForm(byId("stats-filters"), { hours: "24", ...filters });
  const stop = everySeconds(REFRESH_SECONDS, refresh);
  return () => {
    stop();
    asking.abort();
  };
};
