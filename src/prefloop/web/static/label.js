// The page somebody answers on: shows an item, takes what they say, and has the next one ready.
import { Keys } from "./keys.js";
import { newId, Outbox, post, remember, remembered } from "./server.js";
import { Timer } from "./timer.js";

const $ = (selector) => document.querySelector(selector);
const { project, who } = $("#desk").dataset;
const key = (name) => `prefloop:${project}:${who}:${name}`;
const path = (name) => `/p/${encodeURIComponent(project)}/${name}`;

const timer = new Timer();
const keys = new Keys($("#keys"));
const outbox = new Outbox(path("submit"), key("outbox"), (waiting, problem) => {
  const many = waiting === 1 ? "1 answer waits" : `${waiting} answers wait`;
  say(problem || (waiting ? `${many} on this device for the network.` : "Saved."));
});
const modules = {};
const ready = []; // items fetched ahead
const history = []; // what was answered here, so that it can be taken back
let item = null;
let widget = null;
let fetching = null;

function say(text) {
  $("#status").textContent = text;
}

function count(by) {
  $("#done").textContent = Math.max(0, Number($("#done").textContent) + by);
}

async function ask() {
  const holding = [...(item ? [item.lease] : []), ...ready.map((other) => other.lease), ...outbox.leases];
  const got = await post(path("next"), { holding: holding.slice(0, 8) });
  if (got.kind) modules[got.kind] ??= await import(`./kinds/${got.kind}.js`);
  return got;
}

function ahead() {
  if (fetching || ready.length) return;
  fetching = ask()
    .then((got) => got.kind && got.question !== item?.question && ready.push(got))
    .catch(() => {})
    .finally(() => (fetching = null));
}

async function next() {
  item = null;
  if (fetching && !ready.length) await fetching;
  if (ready.length) return show(ready.shift());
  blank("Fetching the next item…");
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      const got = await ask();
      if (got.kind) return show(got);
      if (!outbox.leases.length) return rest(got.none);
    } catch (error) {
      if (error.status >= 400 && error.status < 500 && error.status !== 429) return blank(error.message);
      blank("No connection. What you said is kept on this device; the next item comes when the network does.");
    }
    await new Promise((go) => setTimeout(go, pause));
  }
}

function rest(why) {
  const words = {
    done: "There is nothing more for you here just now. Thank you.",
    paused: "The project's lead has paused your work. Your answers are kept.",
    closed: "This project is closed. Thank you.",
  };
  blank(words[why] ?? words.done);
  setTimeout(() => item === null && why === "done" && next(), 20_000);
}

function blank(text) {
  const line = document.createElement("p");
  line.className = "quiet rest";
  line.textContent = text;
  $("#item").replaceChildren(line);
  $("#submit").disabled = $("#skip").disabled = true;
  keys.use(common().filter((action) => !["submit", "skip"].includes(action.id)));
}

function show(got, value) {
  item = got;
  const root = $("#item");
  root.innerHTML = got.html; // made by our server, which cleans what a model wrote
  const draft = remembered(key(`draft:${got.question}`), null);
  widget = modules[got.kind].default(root, got, changed);
  if (value !== undefined) restore(value);
  else if (draft) restore(draft.value);
  timer.start(value === undefined && draft ? draft.seconds : 0);
  views(root);
  keys.use([...common(), ...widget.actions], widget.first);
  $("#submit").disabled = $("#skip").disabled = false;
  $("#undo").disabled = !history.length;
  $("#missing").textContent = "";
  scrollTo(0, 0);
  (widget.focus ?? root).focus({ preventScroll: true });
  ahead();
}

function changed() {
  $("#missing").textContent = "";
  if (item && widget) remember(key(`draft:${item.question}`), { value: kept(), seconds: timer.seconds });
}

const kept = () => (widget.partly ? widget.partly() : widget.value());
const restore = (value) => (widget.restorePartly ? widget.restorePartly(value) : widget.restore(value));

function views(root) {
  let differences = null;
  const choose = async (view) => {
    const now = root.querySelector("[data-view][aria-pressed=true]")?.dataset.view;
    const wanted = now === view ? "rendered" : view;
    if (wanted === "differences" && !differences) {
      try {
        differences = (await post(path("compare"), { lease: item.lease })).sides;
        root.querySelectorAll("[data-shows=differences]").forEach((node, n) => (node.innerHTML = differences[n]));
      } catch {
        return say("The differences could not be fetched.");
      }
    }
    for (const node of root.querySelectorAll("[data-shows]")) node.hidden = node.dataset.shows !== wanted;
    for (const node of root.querySelectorAll("[data-view]")) node.setAttribute("aria-pressed", String(node.dataset.view === wanted));
  };
  for (const button of root.querySelectorAll("[data-view]")) button.onclick = () => choose(button.dataset.view);
}

function send(event, reason = "") {
  if (!item) return;
  const value = event === "answer" ? widget.value() : null;
  if (event === "answer" && value === null) {
    $("#missing").textContent = widget.missing;
    return;
  }
  const said = { id: newId(), lease: item.lease, event, value, seconds: timer.seconds, reason };
  history.push({ item, draft: kept(), lease: outbox.put(said), event });
  remember(key(`draft:${item.question}`), null);
  if (event === "answer") count(1);
  next();
}

async function undo() {
  const last = history.pop();
  if (!last) return say("There is nothing to take back.");
  try {
    say("Taking it back…");
    const lease = await last.lease;
    const again = await outbox.put({ id: newId(), lease, event: "undo", value: null, seconds: 0, reason: "" });
    if (item) ready.unshift(item);
    if (last.event === "answer") count(-1);
    show({ ...last.item, lease: again }, last.draft);
    say("Taken back. Change it and submit it again.");
  } catch (error) {
    say(`It could not be taken back: ${error.message}`);
  }
}

function skip() {
  if (!item) return;
  $("#skipping form").reset();
  $("#skipping").returnValue = "";
  $("#skipping").showModal();
}

function common() {
  const press = (selector) => () => $(selector)?.click();
  return [
    { id: "submit", label: "Submit (and Ctrl ⏎ anywhere)", keys: ["enter"], run: () => send("answer") },
    { id: "skip", label: "Skip, with a reason", keys: ["n"], run: skip },
    { id: "undo", label: "Take the last one back", keys: ["u"], run: undo },
    { id: "raw", label: "The answers as they were written", keys: ["v"], run: press("[data-view=raw]") },
    { id: "words", label: "The words in which the answers differ", keys: ["w"], run: press("[data-view=differences]") },
    { id: "guidelines", label: "Open or close the guidelines", keys: ["g"], run: press("#guidelines summary") },
    { id: "help", label: "This list", keys: ["?"], run: () => keys.open() },
  ];
}

$("#submit").onclick = () => send("answer");
$("#skip").onclick = skip;
$("#undo").onclick = undo;
$("#open-keys").onclick = () => keys.open();
$("#stay").onclick = () => $("#skipping").close();
$("#skipping").addEventListener("close", () => {
  if ($("#skipping").returnValue !== "skip") return;
  const words = $("#reason-words").value.trim();
  send("skip", [$("#skipping input:checked").value, words].filter(Boolean).join(": "));
});
$("#skipping").addEventListener("keydown", (event) => {
  const option = document.querySelectorAll("#skipping input[type=radio]")[Number(event.key) - 1];
  if (!option || event.target.id === "reason-words") return;
  option.checked = true;
  option.focus();
});
addEventListener("beforeunload", () => item && widget && remembered(key(`draft:${item.question}`), null) && changed());
if (matchMedia("(max-width: 60rem)").matches) $("#guidelines").open = false;
next();
