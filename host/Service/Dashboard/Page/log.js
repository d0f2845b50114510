// The end of a log, and what comes to it.
import { get } from "./api.js";
import { h, number } from "./dom.js";

const MOST = 1000;

export function log(at, signal) {
  let [next, lines] = [null, []];
  const box = h("pre", { id: "log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log of the run", "data-kept": true }, "The log is empty so far.");

  async function refresh() {
    const part = await get(`${at}/log?${next === null ? "tail=65536" : `from=${next}`}`, signal);
    next = part.next;
    if (!part.text) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    lines = [...lines, ...part.text.trimEnd().split("\n").map(readable)].slice(-MOST);
    box.textContent = lines.join("\n");
    // Whoever has scrolled back reads on there.
    if (atEnd) setTimeout(() => { box.scrollTop = box.scrollHeight; });
  }
  return { element: box, refresh };
}

function readable(line) {
  let said;
  try {
    said = JSON.parse(line);
  } catch {
    return line;
  }
  if (!said?.event) return line;
  const where = said.stage ? ` ${said.stage} ${said.step}/${said.totalSteps}` : "";
  const values = Object.entries(said.values ?? {}).map(([k, v]) => `${k} ${typeof v === "number" ? number(v) : v}`).join(", ");
  return [`${said.event}${where}`, said.role && `${said.role} on ${said.source}`, values, said.message].filter(Boolean).join("  ");
}
