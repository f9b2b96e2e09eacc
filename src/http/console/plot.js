// Plots: bars and columns drawn in percent of their place, so that they fit every width without a
// redraw and their text keeps its size. Each has its numbers beside it as a table.

import { h, number, svg } from "./dom.js";

/** A figure: a title, the drawing, and the same as a table for those who can't see it. */
const figure = (title, drawing, columns, rows) =>
  h("figure", { class: "plot" },
    h("figcaption", {}, title),
    drawing,
    h("details", { class: "numbers" },
      h("summary", {}, "Numbers"),
      h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": `${title}, as a table` },
        h("table", {},
          h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {}, rows.map(([name, ...cells]) =>
            h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td", {}, cell)))))))));

/** The next number that people like to read on an axis. */
const roundUp = (value) => {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
};

/** Columns over time; each has `label`, `good`, `bad` and `rate`. */
export const columns = (title, points) => {
  const top = Math.max(2, roundUp(Math.max(...points.map(({ good, bad }) => good + bad))));
  const width = 100 / points.length;
  const percent = (value) => `${value}%`;
  // A tenth is left free above for the text of the highest line.
  const height = (value) => (value / top) * 88;
  const bar = (kind, x, from, value) =>
    value > 0 && svg("rect", {
      class: kind, x: percent(x + width * 0.12), width: percent(width * 0.76),
      y: percent(100 - height(from + value)), height: percent(height(value)),
    });
  const drawing = svg("svg", { class: "columns", role: "img", "aria-label": title },
    [0, 0.5, 1].map((part) => {
      const y = percent(100 - height(top * part));
      return svg("g", {},
        svg("line", { class: "grid", x1: "0", x2: "100%", y1: y, y2: y }),
        part > 0 && svg("text", { class: "axis", x: "0", y, dy: "-4" }, number(top * part)));
    }),
    points.map(({ label, good, bad }, index) =>
      svg("g", { class: "column" },
        svg("title", {}, `${label}: ${number(good)} succeeded, ${number(bad)} failed`),
        svg("rect", { class: "hit", x: percent(index * width), width: percent(width), y: "0", height: "100%" }),
        bar("good", index * width, 0, good), bar("bad", index * width, good, bad))));
  const marks = [points[0], points[Math.floor(points.length / 2)], points.at(-1)];
  const axis = h("div", { class: "axis-x", "aria-hidden": "true" },
    (points.length > 2 ? marks : points.slice(-1)).map(({ label }) => h("span", {}, label)));
  const legend = h("p", { class: "legend" },
    h("span", { class: "key good" }), "succeeded ", h("span", { class: "key bad" }), "failed");
  const rows = [...points].reverse().map(({ label, good, bad, rate }) => [label, number(good), number(bad), rate]);
  return figure(title, h("div", {}, drawing, axis, legend), ["Hour", "Succeeded", "Failed", "Events a second"], rows);
};

/** Bars, longest first; each has `label` and `good`, and `bad` where a part of it failed. */
export const bars = (title, items, unit = "Succeeded") => {
  const whole = ({ good, bad = 0 }) => good + bad;
  const sorted = [...items].sort((a, b) => whole(b) - whole(a));
  const top = Math.max(1, ...sorted.map(whole));
  const part = (value) => `${(value / top) * 100}%`;
  const drawing = h("ul", { class: "bars" }, sorted.map((item) =>
    h("li", {},
      h("span", { class: "bar-label" }, item.label),
      h("span", { class: "bar-value" }, number(whole(item))),
      svg("svg", { class: "bar", "aria-hidden": "true" },
        svg("rect", { class: "track", width: "100%", height: "100%" }),
        svg("rect", { class: "good", width: part(item.good), height: "100%" }),
        item.bad > 0 && svg("rect", { class: "bad", x: part(item.good), width: part(item.bad), height: "100%" })))));
  const split = sorted.some(({ bad }) => bad !== undefined);
  const rows = sorted.map(({ label, good, bad }) => [label, number(good), ...(split ? [number(bad)] : [])]);
  return figure(title, drawing, ["Of", unit, ...(split ? ["Failed"] : [])], rows);
};
