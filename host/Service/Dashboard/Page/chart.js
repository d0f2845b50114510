// A curve per network, with the same told in words and as a table.
import { h, number, percent, table } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [520, 220, 56, 28, 10, 12];
const known = new Set(["teacher", "baseline", "student"]);
const style = (name) => (known.has(name) ? name : "other");

// curves: [{ name, points: [[x, y], ...] }].
export function chart(title, curves, share) {
  const drawn = curves.filter((c) => c.points.length > 0);
  if (drawn.length === 0) return null;
  const text = share ? percent : number;
  const all = drawn.flatMap((c) => c.points);
  const [x0, x1] = range(all.map((p) => p[0]));
  const [y0, y1] = range(all.map((p) => p[1]));
  const x = (v) => LEFT + ((v - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const y = (v) => HEIGHT - BOTTOM - ((v - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - TOP);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((t) => y0 + t * (y1 - y0));
  const words = drawn.map((c) => `${c.name} ${text(c.points.at(-1)[1])} at step ${c.points.at(-1)[0]}`).join("; ");
  return h("figure", null,
    h("figcaption", null, title),
    h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${words}.` },
      ticks.map((t) => [
        h("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(t), y2: y(t) }),
        h("text", { class: "y", x: LEFT - 6, y: y(t) + 4 }, text(t)),
      ]),
      [0, 0.5, 1].map((t) => x0 + t * (x1 - x0)).map((t) => h("text", { class: "x", x: Math.min(x(t), WIDTH - 24), y: HEIGHT - 8 }, String(Math.round(t)))),
      drawn.map((c) => h("polyline", { class: style(c.name), points: line(c.points, x, y) }))),
    h("ul", { class: "legend" }, drawn.map((c) => h("li", null,
      h("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" }, h("line", { class: style(c.name), x1: 0, x2: 28, y1: 5, y2: 5, "stroke-width": 2 })),
      `${c.name}: ${text(c.points.at(-1)[1])}`))),
    h("details", null, h("summary", null, `${title} as a table`),
      table(`${title}, ten points of each network`, ["network", "step", "value"],
        drawn.flatMap((c) => some(c.points).map((p) => [c.name, String(p[0]), text(p[1])])))));
}

// A curve of one point is a short line, so that it is seen.
const line = (points, x, y) =>
  (points.length === 1 ? [[x(points[0][0]) - 3, y(points[0][1])], [x(points[0][0]) + 3, y(points[0][1])]] : points.map((p) => [x(p[0]), y(p[1])]))
    .map((p) => p.map((v) => v.toFixed(1)).join(","))
    .join(" ");

const some = (points) => {
  const every = Math.max(1, Math.ceil(points.length / 10));
  return points.filter((_, i) => (points.length - 1 - i) % every === 0);
};

function range(values) {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}
