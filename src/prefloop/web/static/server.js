// Asks the server, and keeps what was said until the server has it: over lost networks and reloads, each under its own id.
const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  });
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, told.detail ?? `The server answered ${answer.status}.`);
}

export function remembered(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing: the page still works, without drafts
  }
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  constructor(path, key, told) {
    Object.assign(this, { path, key, told, waiting: remembered(key, []), settled: new Map(), sending: false, pause: 1000 });
    addEventListener("online", () => this.send());
    this.send();
  }

  get leases() {
    return this.waiting.map((said) => said.lease);
  }

  // The promise is kept with the receipt that came back, or broken where the server refused.
  put(said) {
    this.waiting.push(said);
    remember(this.key, this.waiting);
    const promise = new Promise((keep, fail) => this.settled.set(said.id, { keep, fail }));
    promise.catch(() => {});
    this.send();
    return promise;
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    while (this.waiting.length) {
      const said = this.waiting[0];
      try {
        const receipt = await post(this.path, said);
        this.done(said, (s) => s.keep(receipt));
      } catch (error) {
        const passing = !(error instanceof Refused) || error.status >= 500 || [401, 408, 429].includes(error.status);
        if (passing) {
          this.told(this.waiting.length, error.status === 401 ? error.message : "");
          break;
        }
        this.done(said, (s) => s.fail(error));
        this.told(this.waiting.length, `Not kept: ${error.message}`);
        continue;
      }
      this.pause = 1000;
      this.told(this.waiting.length, "");
    }
    this.sending = false;
    if (this.waiting.length) {
      setTimeout(() => this.send(), this.pause);
      this.pause = Math.min(this.pause * 2, 30_000);
    }
  }

  done(said, settle) {
    this.waiting = this.waiting.filter((other) => other.id !== said.id);
    remember(this.key, this.waiting.length ? this.waiting : null);
    const promise = this.settled.get(said.id);
    if (promise) settle(promise);
    this.settled.delete(said.id);
  }
}
