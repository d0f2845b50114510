// The interface of the service. The token, where there is one, goes into a header and never into an address.

const KEY = "kd-token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  clear: () => sessionStorage.removeItem(KEY),
};

export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The service answered ${status}.`);
    this.status = status;
  }
}

const headers = () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {});

export async function ask(path, method = "GET", signal = undefined) {
  const answer = await fetch(path, { method, headers: headers(), signal });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => null));
  return answer;
}

export const get = async (path, signal) => (await ask(path, "GET", signal)).json();
export const post = async (path) => (await ask(path, "POST")).json();

const SILENCE = 40000;

// Follows server-sent events until the signal stops it; begins again by itself when the connection is lost.
// on.open() after each beginning, on.event(kind, data), on.lost(seconds until the next try, error).
export async function follow(path, signal, on) {
  for (let tries = 0; !signal.aborted; ) {
    try {
      await read(path, signal, () => { tries = 0; on.open(); }, on.event);
      if (signal.aborted) return;
      throw new Error("The stream ended.");
    } catch (error) {
      if (signal.aborted) return;
      const seconds = Math.min(15, 2 ** tries++);
      on.lost(seconds, error);
      await new Promise((done) => setTimeout(done, 1000 * seconds));
    }
  }
}

async function read(path, signal, open, event) {
  const own = new AbortController();
  const stop = () => own.abort();
  signal.addEventListener("abort", stop);
  let quiet = setTimeout(stop, SILENCE);
  try {
    const answer = await ask(path, "GET", own.signal);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(quiet);
      quiet = setTimeout(stop, SILENCE);
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n");
        const find = (name) => lines.filter((l) => l.startsWith(name)).map((l) => l.slice(name.length).trim()).join("\n");
        const kind = find("event:");
        if (kind === "alive") open();
        else event(kind, JSON.parse(find("data:")));
      }
    }
  } finally {
    clearTimeout(quiet);
    signal.removeEventListener("abort", stop);
    own.abort();
  }
}
