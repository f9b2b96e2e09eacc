// The nodes that keep the log together: who leads, whether all have the same log, and up to where
// whoever was erased is erased on each. A service that is alone shows nothing of it.

import { get } from "./api.js";
import { byId, everySeconds, failure, h, number, plural } from "./dom.js";
import { mayAudit } from "./rights.js";

const REFRESH_SECONDS = 3;

const ROLES = {
  leader: ["good", "Leads"],
  follower: ["good", "Follows"],
  joining: ["idle", "Is joining"],
  cut_off: ["bad", "Is cut off"],
  halted: ["bad", "Has halted"],
};

const HEADS = [["Node"], ["Role"], ["Events", "amount"], ["Same log"], ["Erased up to", "amount"], ["Proven up to", "amount"], ["Heard of"]];

/** After so long a node is away. */
const AWAY_SECONDS = 10;

const heard = (node, own) => {
  const ago = node.seen_seconds_ago;
  if (node.node === own) return "this node";
  if (ago === null) return "never";
  return ago < 1 ? "now" : `${plural(ago, "second")} ago`;
};

const isAway = (node) => node.seen_seconds_ago === null || node.seen_seconds_ago > AWAY_SECONDS;

const amount = (value) => h("td", { class: "amount" }, value === null || value === undefined ? "not known" : number(value));

const same = (equal) => (equal === true ? "yes" : equal === false ? h("span", { class: "error-text" }, "no") : "not known");

const row = (own) => (node) => {
  const [kind, role] = isAway(node) ? ["bad", "Is away"] : ROLES[node.role] ?? ["idle", node.role];
  return h("tr", {},
    h("th", { scope: "row" }, node.node),
    h("td", {}, h("span", { class: "status", "data-state": kind }, h("span", { class: "dot", "aria-hidden": "true" }), role)),
    amount(node.position), h("td", {}, same(node.root_equal)), amount(node.erased_through), amount(node.cosigned),
    h("td", {}, heard(node, own)));
};

const summary = ({ nodes, leader, halted }) => {
  const away = nodes.filter(isAway).length;
  const apart = nodes.filter((node) => node.root_equal === false).length;
  if (halted) return ["bad", `This node has halted: ${halted}`];
  if (!nodes.some((node) => node.role === "leader" && !isAway(node))) return ["bad", "No node leads: writes wait"];
  if (apart > 0) return ["bad", `${plural(apart, "node")} with another log`];
  return away > 0 ? ["bad", `${leader} leads; ${plural(away, "node")} away`] : ["good", `${leader} leads; all ${number(nodes.length)} have the same log`];
};

const panel = (cluster) => {
  const [kind, text] = summary(cluster);
  const notes = [
    ...cluster.former.map(({ node, cosigned }) =>
      `${node} had another disk, on which erasures are proven up to event ${number(cosigned)} only. Once it is destroyed: contactd cluster forget ${node}`),
    ...cluster.set_aside.map((directory) => `${cluster.node} keeps a log that was set aside, in ${directory}. Remove it once it was looked at.`),
  ];
  return h("section", { class: "panel", "aria-label": "Nodes" },
    h("h2", {}, "Nodes"),
    h("p", { class: "status", "data-state": kind }, h("span", { class: "dot", "aria-hidden": "true" }), text),
    h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Nodes: the table" },
      h("table", {},
        h("thead", {}, h("tr", {}, HEADS.map(([name, as]) => h("th", { scope: "col", class: as }, name)))),
        h("tbody", {}, cluster.nodes.map(row(cluster.node))))),
    h("p", { class: "hint" }, `Term ${number(cluster.term)}; a majority has ${plural(cluster.settled, "event")} on its disks.`),
    notes.map((note) => h("p", { class: "error-text" }, note)));
};

const refresh = async () => {
  const place = byId("nodes-body");
  try {
    const { cluster } = await get("/readyz", {}, { anyStatus: true });
    const told = cluster && await get("/cluster", {}, { mind401: false });
    // A selection in the table, or the focus in it, must outlive a refresh.
    if (document.getSelection()?.isCollapsed === false || place.contains(document.activeElement)) return;
    place.replaceChildren(...(told ? [panel(told)] : []));
  } catch (error) {
    place.replaceChildren(...(error.status === 403 || error.status === 401 ? [] : [failure(error, refresh)]));
  }
};

/** Shows the table for as long as the view is open; gives what ends that. */
export const watch = () => {
  byId("nodes-body").replaceChildren();
  return mayAudit() ? everySeconds(REFRESH_SECONDS, refresh) : () => {};
};
