// One run: state, failure, curves as they grow, samples, results, log, attempts.
import { ask, get, post, token } from "./api.js";
import { chart } from "./chart.js";
import { duration, h, say, show, table, time } from "./dom.js";
import { log } from "./log.js";
import { progress, result, state } from "./runs.js";

export function run(main, id, signal) {
  const at = `api/runs/${encodeURIComponent(id)}`;
  const follow = log(at, signal);
  let [samples, stage, last] = [[], "", ""];

  async function refresh() {
    const [view, seeds] = await Promise.all([get(at, signal), get(`${at}/curves?points=300`, signal)]);
    if (samples.length === 0) samples = await get(`${at}/samples`, signal).catch(() => []);
    await follow.refresh();
    const { job } = view;
    if (last && last !== job.state) say(`The run is ${job.state}. ${job.message}`);
    last = job.state;
    show(main,
      h("h1", null, job.name),
      failure(view.failure),
      facts(view),
      actions(job),
      curves(seeds, job.state),
      h("section", { "aria-labelledby": "h-samples" }, h("h2", { id: "h-samples" }, "Samples"), pictures(samples, job.state)),
      h("section", { "aria-labelledby": "h-log" }, h("h2", { id: "h-log" }, "Log"), follow.element),
      attempts(view.attempts));
  }

  function told(_, line) {
    if (line.stage && line.stage !== stage) say(`Stage ${(stage = line.stage)} begins.`);
    else if (line.totalSteps) say(`Stage ${line.stage}: ${Math.floor((100 * line.step) / line.totalSteps)} %.`, true);
  }

  function actions(job) {
    const over = ["Done", "Failed", "Cancelled"].includes(job.state);
    const again = async () => { location.hash = `#/runs/${(await post(`${at}/resubmit`)).id}`; };
    return h("div", { class: "actions" },
      h("button", { type: "button", disabled: over || job.cancelRequested, onclick: () => confirm(job, refresh, at) }, "Cancel the run"),
      h("button", { type: "button", onclick: again }, "Submit again"),
      job.state === "Done" ? report(at, id) : null);
  }
  return { refresh, told, wants: (line) => ["step", "evaluation", "error", "done"].includes(line?.event) };
}

function facts({ job, progress: p, result: r }) {
  const note = job.message && !job.message.startsWith("KDP") ? ` ${job.message}` : "";
  const rows = [["state", [state(job), note]], ["id", job.id]];
  if (p) rows.push(["progress", progress(p, "the run")], ["time left in the stage", duration(p.secondsLeft)], ["rate", `${Math.round(p.imagesPerSecond)} images/s`]);
  if (r) rows.push(["result", result(r)]);
  rows.push(["device", job.device ?? "–"], ["priority", String(job.priority)], ["submitted", time(job.submitted)], ["time it ran", duration(ran(job))]);
  return table("What is known of the run", [], rows, "facts");
}

// The time of the attempt that goes on is not in the record yet.
const ran = (job) =>
  job.state === "Running" && job.attempts === 1 ? (Date.now() - new Date(job.started)) / 1000 : job.ranSeconds;

const failure = (f) =>
  f && h("section", { class: "failure", "aria-labelledby": "h-failure" },
    h("h2", { id: "h-failure" }, `${f.code ? `${f.code}: ` : ""}${f.title}`),
    h("p", null, f.message),
    h("p", null, h("strong", null, "What to do: "), f.remedy),
    f.exitCode !== null ? h("p", { class: "quiet" }, `The worker's exit code was ${f.exitCode}.`) : null);

// A page cannot send the token with a link: the report is then fetched and saved.
function report(at, id) {
  const path = `${at}/report.html`;
  if (!token.get()) return h("a", { href: path, target: "_blank", rel: "noopener" }, "Report with all results (new tab)");
  const save = async () => {
    const address = URL.createObjectURL(await (await ask(path)).blob());
    h("a", { href: address, download: `${id}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
  return h("button", { type: "button", onclick: save }, "Save the report");
}

// What is not there yet is told apart from what will never be.
const none = (what, jobState, when) => h("p", { class: "quiet" }, `There are no ${what}${["Queued", "Running"].includes(jobState) ? ` yet: they begin with ${when}` : ""}.`);

function curves(seeds, jobState) {
  const all = seeds.at(-1)?.curves ?? [];
  const pick = (test) => all.filter(test).map((c) => ({ name: c.role || c.stage, points: c.points }));
  // What says most first.
  const measured = all.filter((c) => c.source === "validation" && c.rank >= 0).sort((a, b) => a.rank - b.rank);
  const drawn = [
    chart("Training loss", pick((c) => !c.source && c.name === "loss")),
    ...[...new Set(measured.map((c) => c.name))].map((name) =>
      chart(`Validation ${name}`, pick((c) => c.source === "validation" && c.name === name), measured.find((c) => c.name === name).isShare)),
  ].filter(Boolean);
  return h("section", { "aria-labelledby": "h-curves" },
    h("h2", { id: "h-curves" }, `Curves${seeds.at(-1)?.seed ? ` of ${seeds.at(-1).seed}` : ""}`),
    drawn.length ? h("p", { class: "quiet" }, "Over the steps of each network's own stage.") : none("curves", jobState, "the first steps"),
    h("div", { class: "charts" }, drawn));
}

function pictures(rows, jobState) {
  if (rows.length === 0) return none("sample images", jobState, "the training");
  return table("The same training images as they are, and as each network sees them", [],
    rows.map((r) => [
      r.name + (r.isStretched ? " (values stretched)" : ""),
      ...r.pictures.map((p, i) => [h("img", { src: p.source, alt: `Training image ${i + 1}, ${r.name}` }), p.caption]),
    ]), "samples");
}

const attempts = (all) =>
  h("section", { "aria-labelledby": "h-attempts" },
    h("h2", { id: "h-attempts" }, "Attempts"),
    all.length === 0 ? h("p", { class: "quiet" }, "None has begun.") : table("Attempts, the first of them first",
      ["attempt", "device", "began", "ended", "exit code", "what was said"],
      all.map((a) => [String(a.number), a.device, time(a.began), time(a.ended), a.exitCode === null ? "–" : String(a.exitCode), a.message])));

function confirm(job, refresh, at) {
  const dialog = document.getElementById("question");
  const yes = async () => {
    dialog.close();
    // At once: the button that the focus returns to will be disabled, and later the reader may be elsewhere already.
    document.getElementById("main").focus();
    await post(`${at}/cancel`).catch((error) => say(error.message));
    await refresh();
  };
  dialog.replaceChildren(
    h("h2", { id: "question-title" }, "Cancel the run?"),
    h("p", null, `${job.name} saves a checkpoint and ends; it does not go on by itself.`),
    h("div", { class: "actions" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Keep it"),
      h("button", { type: "button", onclick: yes }, "Cancel the run")));
  dialog.showModal();
}
