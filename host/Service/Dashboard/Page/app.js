// Which view is shown, the token, and the connection.
import { follow, get, Refused, token } from "./api.js";
import { h, say, show } from "./dom.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { devices, plugins, queue } from "./system.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const views = { runs, queue, plugins, devices };
let leave = new AbortController();

function route() {
  const [name, id] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  return id && name === "runs" ? { name, id, make: run } : { name: views[name] ? name : "runs", make: views[name] ?? runs };
}

function open(event) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { name, id, make } = route();
  for (const link of document.querySelectorAll("nav a"))
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  main.replaceChildren(h("p", null, "Loading."));
  const view = make(main, id, signal);
  // After a link was followed the reader goes on at the new view; at once, since later they may be elsewhere already.
  let arrived = () => {
    const heading = main.querySelector("h1");
    if (!heading) return;
    arrived = () => {};
    document.title = `${heading.textContent} · kd`;
    if (event && !main.contains(document.activeElement)) main.focus();
  };
  const refresh = once(async () => {
    try {
      await view.refresh();
      arrived();
      await glance(signal);
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      arrived();
    }
  });
  follow(id ? `api/runs/${encodeURIComponent(id)}/events` : "api/events", signal, {
    open: () => {
      if (banner.textContent) say("Connected again.");
      show(banner);
      refresh();
    },
    event: (kind, told) => {
      if (kind === "worker") view.told?.(told.run, told.data);
      if (kind === "job" || view.wants?.(told.data)) refresh();
    },
    lost: (seconds, error) => {
      if (error instanceof Refused && error.status < 500) failed(error);
      else show(banner, `The connection to the service is lost; what you see may be old. The next try is in ${seconds} s.`);
    },
  });
  const timer = setInterval(() => banner.textContent || refresh(), 10000);
  signal.addEventListener("abort", () => clearInterval(timer));
  refresh();
}

// One at a time, and at most one more when it is wanted meanwhile, a second later.
function once(work) {
  let [busy, again] = [null, false];
  return function start() {
    if (busy) {
      again = true;
      return busy;
    }
    busy = work().finally(() => {
      setTimeout(() => {
        busy = null;
        if (again) start();
        again = false;
      }, 700);
    });
    return busy;
  };
}

function failed(error) {
  if (error instanceof Refused && error.status === 401) {
    leave.abort();
    askForToken();
  } else if (error instanceof Refused && error.status === 404) {
    leave.abort();
    show(main, h("h1", null, "Not found"), h("p", null, error.message), h("p", null, h("a", { href: "#/runs" }, "All runs")));
  } else if (error instanceof Refused) show(banner, error.message);
}

function askForToken() {
  const refused = token.get() !== null;
  token.clear();
  const enter = (event) => {
    event.preventDefault();
    token.set(main.querySelector("#token").value.trim());
    open();
  };
  main.replaceChildren(
    h("h1", null, "A token is needed"),
    h("p", null, "It is in the file that the service was started with (--token-file). It is kept for this tab only."),
    refused ? h("p", { role: "alert" }, "The service has refused that token.") : "",
    h("form", { onsubmit: enter },
      h("label", null, "Token", h("input", { id: "token", type: "password", required: true, autocomplete: "off" })),
      h("button", null, "Go on")));
  main.querySelector("#token").focus();
}

async function glance(signal) {
  const now = await get("api/overview", signal);
  const counts = now.counts;
  show(document.getElementById("glance"), `${counts.Running} running, ${counts.Queued} waiting, ${Math.floor(now.disk.freeMegabytes / 1024)} GB free`);
  if (!now.disk.hasRoom)
    show(banner, `The disk is nearly full: no run is started below ${now.disk.minFreeMegabytes} MB. Make room in the data folder.`);
}

addEventListener("hashchange", open);
open();
