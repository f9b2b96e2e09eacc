// How the service is, in words: the log, the views beside it, the bus, the audit log, the process.

import { get, getText } from "./api.js";
import { byId, copier, everySeconds, failure, h, moment, number, plural, svg } from "./dom.js";
import * as bus from "./bus.js";
import { metricsOf } from "./metrics.js";
import * as nodes from "./nodes.js";
import * as prove from "./prove.js";

const REFRESH_SECONDS = 3;

const LOG = { writable: ["good", "Taking commands"], "read-only": ["bad", "Takes no commands"] };
const BUS = {
  off: ["idle", "Not used"],
  away: ["bad", "Away; events wait in the log"],
  connected: ["good", "Connected"],
  halted: ["bad", "Stopped"],
};
const AUDIT = { sealing: ["good", "Signing checkpoints"], halted: ["bad", "Stopped"] };

const panel = (title, [kind, text], rows, ...more) =>
  h("section", { class: "panel", "aria-label": title },
    h("h2", {}, title),
    h("p", { class: "status", "data-state": kind }, h("span", { class: "dot", "aria-hidden": "true" }), text),
    h("dl", { class: "rows" }, rows.filter(Boolean).map(([label, value]) =>
      h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    ...more);

const behind = (head, position) => {
  const missing = Math.max(0, head - position);
  return missing === 0 ? "up to date" : `${plural(missing, "event")} behind`;
};

const progress = (value, of) =>
  svg("svg", { class: "bar", role: "img", "aria-label": `${number(value)} of ${number(of)}` },
    svg("rect", { class: "track", width: "100%", height: "100%" }),
    svg("rect", { class: "good", width: `${of > 0 ? Math.min(100, (value / of) * 100) : 100}%`, height: "100%" }));

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** A duration in its largest unit, and the next one below. */
const lasting = (seconds) => {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "less than a second";
  const [unit, size] = UNITS[first];
  const parts = [plural(Math.floor(seconds / size), unit)];
  const [smaller, part] = UNITS[first + 1] ?? [];
  const rest = smaller && Math.floor((seconds % size) / part);
  return [...parts, ...(rest ? [plural(rest, smaller)] : [])].join(" ");
};

const bytes = (value) => {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  const amount = value / 1000 ** power;
  return `${number(power > 0 && amount < 100 ? Number(amount.toFixed(1)) : Math.round(amount))} ${units[power]}`;
};

const viewRows = (view, head) => {
  const stop = view.stopped ?? view.rebuildStopped;
  return h("li", {},
    h("div", { class: "view-line" },
      h("span", { class: "view-name" }, view.name, h("span", { class: "hint" }, ` version ${view.version}`)),
      h("span", {}, view.stopped ? "stopped" : behind(head, view.position))),
    progress(view.position, head),
    view.rebuilding !== undefined && h("p", { class: "hint" }, `Being rebuilt: ${number(view.rebuilding)} of ${number(head)}`),
    view.rebuilding !== undefined && progress(view.rebuilding, head),
    stop && h("p", { class: "error-text" }, `Event ${number(stop.position)}: ${stop.reason}`));
};

const viewsPanel = ({ views, position }) => {
  if (!views) return panel("Views", ["idle", "Not told"], []);
  const stopped = views.filter((view) => view.stopped).length;
  const late = views.filter((view) => view.position < position).length;
  const status = stopped > 0 ? ["bad", `${stopped} stopped`] : late > 0 ? ["idle", "Catching up"] : ["good", "Up to date"];
  return panel("Views", status, [], h("ul", { class: "views" }, views.map((view) => viewRows(view, position))));
};

const logPanel = (ready, metrics) => {
  const [queue, limit] = [metrics.value("contactd_queue_commands"), metrics.value("contactd_queue_limit_commands")];
  const state = ready.damage ? ["bad", "Damaged; an operator must look"] : LOG[ready.log] ?? ["idle", ready.log];
  return panel("Log", state, [
    ready.logReason && ["Why", ready.logReason],
    ready.damage && ["Damage", ready.damage],
    ["Events", number(ready.position)],
    queue !== undefined && ["Waiting to be written", limit ? `${number(queue)} of ${number(limit)}` : number(queue)],
  ]);
};

const processPanel = (metrics) => {
  const started = metrics.value("process_start_time_seconds");
  const [used, free] = [metrics.value("contactd_disk_used_bytes"), metrics.value("contactd_disk_free_bytes")];
  const memory = metrics.value("process_resident_memory_bytes");
  const size = metrics.value("contactd_disk_size_bytes");
  const isFull = free !== undefined && size > 0 && free / size < 0.05;
  return panel("This process", isFull ? ["bad", "The disk is almost full"] : ["good", "Running"], [
    ["Version", metrics.label("contactd_build_info", "version") ?? "not told"],
    started && ["Running for", lasting(Date.now() / 1000 - started)],
    used !== undefined && ["Data on the disk", bytes(used)],
    free !== undefined && ["Free on the disk", bytes(free)],
    memory !== undefined && ["Memory", bytes(memory)],
    ["Open connections", number(metrics.value("contactd_connections") ?? 0)],
    ["Followers of events", number(metrics.value("contactd_event_streams") ?? 0)],
  ]);
};

/** Of a cluster's nodes only the one that leads publishes. */
const follows = (ready) => ready.cluster !== undefined && ready.cluster !== "leader";

const busPanel = (ready, metrics) => {
  const dead = metrics.all("contactd_dead_letters_total").filter(({ value }) => value > 0);
  const isUsed = ready.bus !== "off";
  return panel("NATS", BUS[ready.bus] ?? ["idle", ready.bus], [
    ready.busReason && ["Why", ready.busReason],
    isUsed && ["Published", follows(ready) ? "by the node that leads" : `${number(ready.published)}, ${behind(ready.position, ready.published)}`],
    isUsed && ready.foreignEvents > 0 && ["Messages of others in the stream", number(ready.foreignEvents)],
    isUsed && ["Dead letters since the start", dead.length === 0 ? "none" : number(dead.reduce((sum, { value }) => sum + value, 0))],
    ...dead.map(({ labels, value }) => [`· ${labels.reason?.replaceAll("_", " ") ?? "unnamed"}`, number(value)]),
  ], !isUsed && h("p", { class: "hint" }, "Start the service with --nats-url to publish events and take commands."));
};

/** The three lines of a checkpoint (c2sp.org/tlog-checkpoint): who, how many, and the root; below them who signed. */
const checkpointRows = (text) => {
  const [origin, size, root, , ...signatures] = text.split("\n");
  const witnesses = signatures.map((line) => line.split(" ")[1]).filter((name) => name && name !== origin);
  const code = (value, what) => h("span", { class: "copied" }, h("code", {}, value), copier(value, what));
  return [["Signed", `${number(Number(size))} events`], ["Origin", code(origin, "the origin")], ["Root", code(root, "the root")],
    ["Cosigned by", witnesses.length > 0 ? witnesses.join(", ") : "no witness"]];
};

const auditPanel = (ready, metrics, checkpoint, key, visit) => {
  const signed = metrics.value("contactd_audit_checkpoint_timestamp_seconds");
  return panel("Audit log", AUDIT[ready.audit] ?? ["idle", ready.audit], [
    ready.auditReason && ["Why", ready.auditReason],
    ["In the hash tree", `${number(ready.sealed)}, ${behind(ready.position, ready.sealed)}`],
    signed > 0 && ["Newest checkpoint", `${lasting(Date.now() / 1000 - signed)} old`],
    ...(checkpoint ? checkpointRows(checkpoint) : [["Checkpoint", "Not available"]]),
    ["Key", key ? h("span", { class: "copied" }, h("code", {}, key.trim()), copier(key.trim(), "the key")) : "Not available"],
  ], visit);
};

const visit = h("div", { class: "visit" });

const compare = async () => visit.replaceChildren(await prove.grown(compare));

const refresh = async () => {
  const place = byId("state-body");
  try {
    const [ready, text, checkpoint, key] = await Promise.all([
      get("/readyz", {}, { anyStatus: true }),
      getText("/metrics").catch(() => ""),
      getText("/audit/checkpoint").catch(() => null),
      getText("/audit/key").catch(() => null),
    ]);
    const metrics = metricsOf(text);
    byId("state-status").textContent = `As of ${moment(Date.now())}`;
    // A selection in the page, or the focus in it, must outlive a refresh.
    if (document.getSelection()?.isCollapsed === false || place.contains(document.activeElement)) return;
    place.replaceChildren(h("div", { class: "panels" }, logPanel(ready, metrics), viewsPanel(ready), processPanel(metrics), busPanel(ready, metrics),
      auditPanel(ready, metrics, checkpoint, key, visit)));
  } catch (error) {
    byId("state-status").textContent = "";
    place.replaceChildren(failure(error, refresh));
  }
};

export const prepare = () => {};

export const enter = () => {
  compare();
  const stops = [everySeconds(REFRESH_SECONDS, refresh), nodes.watch(), bus.watch()];
  return () => stops.forEach((stop) => stop());
};
