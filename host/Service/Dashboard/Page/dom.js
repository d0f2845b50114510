// Elements, and bringing those on the page up to date without losing focus.

const SVG = "http://www.w3.org/2000/svg";
const svgNames = new Set(["svg", "polyline", "line", "text"]);

// h("td", { class: "x", onclick: f }, "text", [child, ...]): texts are never read as markup.
export function h(name, attributes, ...children) {
  const element = svgNames.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

// Makes the children of an element those given; elements that are there already are kept and changed.
export function show(parent, ...children) {
  const wanted = children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
  const nodes = wanted.map((c) => (c instanceof Node ? c : document.createTextNode(c)));
  for (let i = 0; i < nodes.length; i++) {
    const old = parent.childNodes[i];
    if (!old) parent.append(nodes[i]);
    else if (!merge(old, nodes[i])) parent.replaceChild(nodes[i], old);
  }
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

const events = ["onclick", "onsubmit", "oninput", "onchange"];

function merge(old, fresh) {
  if (old === fresh) return true;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) return false;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return true;
  }
  // What somebody types, opens or scrolls is theirs.
  for (const name of [...old.getAttributeNames()])
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const name of fresh.getAttributeNames())
    if (old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
  for (const name of events) old[name] = fresh[name];
  if (!old.hasAttribute("data-kept")) show(old, [...fresh.childNodes]);
  return true;
}

export function table(caption, header, rows, style) {
  const cell = (c, i) => (i === 0 ? h("th", { scope: "row", role: "rowheader" }, c) : h("td", { role: "cell" }, c));
  const head = h("thead", null, h("tr", null, header.map((t) => h("th", { scope: "col" }, t))));
  const body = h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, row.map(cell))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: style, role: "table" }, h("caption", null, caption), header.length ? head : null, body));
}

let lastSaid = 0;

// Tells those who listen; what comes again and again at most once a minute.
export function say(text, often = false) {
  if (often && Date.now() - lastSaid < 60000) return;
  lastSaid = Date.now();
  document.getElementById("said").textContent = text;
}

export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(2) : String(+value.toPrecision(4));
}

export const percent = (value) => `${(100 * value).toFixed(1)} %`;
export const time = (text) => (text ? new Date(text).toLocaleString() : "–");

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
