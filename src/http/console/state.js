// How the service is: the log, the views beside it, the bus, and the audit log.

import { get, getText } from "./api.js";
import { byId, everySeconds, failure, h, moment, number, plural, svg } from "./dom.js";

const REFRESH_SECONDS = 3;

const LOG = { writable: ["good", "Writable"], "read-only": ["bad", "Read only: restart it once the disk is well"] };
const BUS = {
  off: ["idle", "Not used"],
  away: ["bad", "Away; events wait in the log"],
  connected: ["good", "Connected"],
  halted: ["bad", "Stopped"],
};
const AUDIT = { sealing: ["good", "Sealing"], halted: ["bad", "Stopped"] };

const panel = (title, [kind, text], rows, more) =>
  h("section", { class: "panel" },
    h("h2", {}, title),
    h("p", { class: "status", "data-state": kind }, h("span", { class: "dot", "aria-hidden": "true" }), text),
    h("dl", { class: "rows" }, rows.filter(Boolean).map(([label, value]) =>
      h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    more);

const behind = (head, position) => {
  const missing = Math.max(0, head - position);
  return missing === 0 ? "up to date" : `${plural(missing, "event")} behind`;
};

const progress = (value, of) =>
  svg("svg", { class: "bar", role: "img", "aria-label": `${number(value)} of ${number(of)}` },
    svg("rect", { class: "track", width: "100%", height: "100%" }),
    svg("rect", { class: "good", width: `${of > 0 ? Math.min(100, (value / of) * 100) : 100}%`, height: "100%" }));

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

/** The three lines of a checkpoint (c2sp.org/tlog-checkpoint): who, how many, and the root. */
const checkpointRows = (text) => {
  const [origin, size, root] = text.split("\n");
  return [["Origin", h("code", {}, origin)], ["Sealed by the checkpoint", number(Number(size))], ["Root", h("code", {}, root)]];
};

const panels = (ready, checkpoint, key) =>
  h("div", { class: "panels" },
    panel("Log", LOG[ready.log] ?? ["idle", ready.log], [["Position", number(ready.position)]]),
    viewsPanel(ready),
    panel("NATS", BUS[ready.bus] ?? ["idle", ready.bus], [
      ready.busReason && ["Why", ready.busReason],
      ready.bus !== "off" && ["Published", `${number(ready.published)}, ${behind(ready.position, ready.published)}`],
    ]),
    panel("Audit", AUDIT[ready.audit] ?? ["idle", ready.audit], [
      ready.auditReason && ["Why", ready.auditReason],
      ["Sealed", `${number(ready.sealed)}, ${behind(ready.position, ready.sealed)}`],
      ...(checkpoint ? checkpointRows(checkpoint) : [["Checkpoint", "Not available"]]),
      ["Key", key ? h("code", {}, key.trim()) : "Not available"],
    ]));

const refresh = async () => {
  const place = byId("state-body");
  try {
    const [ready, checkpoint, key] = await Promise.all([
      get("/readyz", {}, { anyStatus: true }),
      getText("/audit/checkpoint").catch(() => null),
      getText("/audit/key").catch(() => null),
    ]);
    byId("state-status").textContent = `As of ${moment(Date.now())}`;
    // A selection in the page must outlive a refresh.
    if (document.getSelection()?.isCollapsed !== false) place.replaceChildren(panels(ready, checkpoint, key));
  } catch (error) {
    byId("state-status").textContent = "";
    place.replaceChildren(failure(error, refresh));
  }
};

export const prepare = () => {};
export const enter = () => everySeconds(REFRESH_SECONDS, refresh);
