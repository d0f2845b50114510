// What waits, the plugins, the devices and the disk.
import { get } from "./api.js";
import { duration, h, show, table, time } from "./dom.js";
import { link, progress } from "./runs.js";

export function queue(main, _, signal) {
  const refresh = async () => {
    const page = await get("api/queue?limit=100", signal);
    show(main, h("h1", null, "Queue"),
      page.items.length === 0
        ? h("p", null, "Nothing waits. ", h("code", null, "kd submit RECIPE --priority N"), " queues a run; higher priorities go first.")
        : table(`The next ${page.items.length} of ${page.total} waiting runs, in the order in which they start`,
            ["run", "place", "priority", "submitted", "not before", "why it waits"],
            page.items.map((job, i) => [link(job), String(i + 1), String(job.priority), time(job.submitted), time(job.notBefore), job.message || "for a worker"])));
  };
  return { refresh };
}

export function plugins(main, _, signal) {
  const refresh = async () => {
    const all = await get("api/plugins", signal);
    const bad = [...all.findings, ...all.folders.flatMap((f) => f.findings)].filter((f) => f.severity !== "info");
    show(main, h("h1", null, "Plugins"),
      h("p", { class: "quiet" }, `Set ${all.set ?? "none"}: ${all.plugins.length} plugins in ${all.folders.length} folders.`),
      all.troubles.length === 0 ? null : table("Folders whose latest version is not in use", ["folder", "what is in use", "reason"],
        all.troubles.map((t) => [t.folder, t.keptOld ? "the version before (rolled back)" : "nothing of it", t.reason])),
      bad.length === 0 ? null : table("What the loader has found", ["code", "severity", "message"], bad.map((f) => [f.code, f.severity, f.message])),
      all.plugins.length === 0
        ? h("p", null, "There are no plugins. Put each plugin's build output into a folder of its own in the watched folder.")
        : table("Plugins", ["id", "kind", "version", "folder", "state", "what it is, or why not"],
            all.plugins.map((p) => [p.id, p.kind, p.version, p.folder, p.state, p.reason?.message ?? p.description ?? ""])));
  };
  return { refresh };
}

export function devices(main, _, signal) {
  const refresh = async () => {
    const now = await get("api/overview", signal);
    const gigabytes = (megabytes) => `${(megabytes / 1024).toFixed(1)} GB`;
    show(main, h("h1", null, "Devices and disk"),
      table("Devices, one worker each", ["device", "run", "progress", "time left"],
        now.devices.map((d) => [d.device, d.run ? link({ id: d.run }) : "idle", progress(d.progress, d.device), duration(d.progress?.secondsLeft)])),
      table("The disk of the data folder", [], [
        ["free", `${gigabytes(now.disk.freeMegabytes)} of ${gigabytes(now.disk.totalMegabytes)}`],
        ["runs are started", now.disk.hasRoom ? "yes" : "no: make room first"],
        ["least that has to be free", gigabytes(now.disk.minFreeMegabytes)],
      ]),
      h("p", { class: "quiet" }, `kd ${now.version}`));
  };
  return { refresh, wants: (line) => line?.event === "step" };
}
