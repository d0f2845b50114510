// The list of runs, page by page.
import { get } from "./api.js";
import { duration, h, percent, number, show, table, time } from "./dom.js";

const STATES = ["Queued", "Running", "Done", "Failed", "Cancelled"];

export const state = (job) =>
  h("span", { class: `state ${job.state}` }, job.cancelRequested && job.state === "Running" ? "Cancelling" : job.state);

export const result = (r) => (r ? `${r.isShare ? percent(r.value) : number(r.value)} ${r.role} ${r.metric}` : "–");

export const link = (job) => h("a", { href: `#/runs/${encodeURIComponent(job.id)}` }, job.id);

export function progress(p, name) {
  if (!p || !p.totalSteps) return "–";
  return [
    h("progress", { max: p.totalSteps, value: p.step, "aria-label": `Progress of ${name}` }),
    ` ${p.stage}, ${Math.floor((100 * p.step) / p.totalSteps)} %`,
  ];
}

export function runs(main, _, signal) {
  let [wanted, search, pages] = ["", "", [null]];
  const again = () => { pages = [null]; refresh(); };
  let typing;

  async function refresh() {
    const query = new URLSearchParams({ limit: "25" });
    if (wanted) query.set("state", wanted);
    if (search) query.set("search", search);
    if (pages.at(-1) !== null) query.set("before", pages.at(-1));
    const page = await get(`api/runs?${query}`, signal);
    show(main,
      h("h1", null, "Runs"),
      h("form", { role: "search", onsubmit: (e) => e.preventDefault() },
        h("label", null, "State", h("select", { id: "state", "data-kept": true, onchange: (e) => { wanted = e.target.value; again(); } },
          h("option", { value: "" }, "All"), STATES.map((s) => h("option", null, s)))),
        h("label", null, "Name", h("input", { id: "search", type: "search", oninput: (e) => {
          clearTimeout(typing);
          typing = setTimeout(() => { search = e.target.value; again(); }, 300);
        } }))),
      page.items.length ? list(page) : empty(wanted || search),
      h("div", { class: "actions" },
        h("button", { type: "button", disabled: pages.length === 1, onclick: () => { pages.pop(); refresh(); } }, "Newer"),
        h("button", { type: "button", disabled: page.next === null, onclick: () => { pages.push(page.next); refresh(); } }, "Older"),
        h("span", { class: "quiet" }, `${page.total} in all, page ${pages.length}`)));
  }
  return { refresh, wants: (line) => line?.event === "step" || line?.event === "evaluation" };
}

const list = (page) =>
  table("Runs, newest first", ["run", "state", "progress", "time left", "result", "submitted"],
    page.items.map((job) => {
      const p = page.progress[job.id];
      return [link(job), state(job), progress(p, job.id), duration(p?.secondsLeft), result(page.results[job.id]), time(job.submitted)];
    }));

const empty = (filtered) =>
  filtered
    ? h("p", null, "No run fits. Choose another state, or empty the name.")
    : h("p", null, "There are no runs yet. Submit one with ", h("code", null, "kd submit RECIPE"), ", or put a recipe into the folder ",
        h("code", null, "inbox"), " of the service's data.");
