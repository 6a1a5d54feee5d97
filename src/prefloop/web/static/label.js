// The page somebody answers on: shows an item, takes what they say, and has the next one ready.
import { Keys } from "./keys.js";
import behind from "./behind.js";
import breaks from "./breaks.js";
import { newId, Outbox, post, remember, remembered } from "./server.js";
import { Timer } from "./timer.js";
import { views } from "./views.js";
import { avoids, REASON, stopAvoiding, warn } from "./warning.js";

const $ = (selector) => document.querySelector(selector);
const { project, who, seconds, break: minutes } = $("#desk").dataset;
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
let left = Number($("#desk").dataset.left);
let closing = false; // an answer is on its way after which something is shown

function say(text) {
  $("#status").textContent = text;
}

function count(by) {
  $("#done").textContent = Math.max(0, Number($("#done").textContent) + by);
  left = Math.max(0, left - by);
  tellLeft();
}

function tellLeft() {
  const time = seconds ? `, about ${Math.max(1, Math.round((left * Number(seconds)) / 60))} min` : "";
  $("#left").textContent = `${left} left${left ? time : ""}`;
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
  closing = false;
  if (location.search) window.history.replaceState(null, "", location.pathname);
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
  $("#undo").disabled = !history.length;
  keys.use(common().filter((action) => !["submit", "skip"].includes(action.id)));
}

function show(got, value) {
  item = got;
  const page = $("#item");
  page.innerHTML = '<div class="content"></div>';
  const root = page.firstChild;
  root.innerHTML = got.html; // made by our server, which cleans what a model wrote
  const draft = remembered(key(`draft:${got.question}`), null);
  widget = modules[got.kind].default(root, got, changed);
  if (value !== undefined) restore(value);
  else if (draft) restore(draft.value);
  else if (got.value != null) restore(widget.fromValue ? widget.fromValue(got.value) : got.value);
  timer.start(value === undefined && draft ? draft.seconds : 0);
  views(root, got, { say, compare: async () => (await post(path("compare"), { lease: got.lease })).sides });
  if (got.practice) note(page, "Practice: it does not count. After your answer you see what was expected, and why.");
  $("#submit").firstChild.textContent = "Submit ";
  $("#skip").disabled = false;
  $("#undo").disabled = !history.length;
  $("#missing").textContent = "";
  scrollTo(0, 0);
  if (!got.warning) return begin(root);
  if (avoids(got)) {
    avoided();
    return send("skip", REASON);
  }
  $("#submit").disabled = true;
  keys.use(common().filter((action) => action.id !== "submit"));
  warn(page, got, { skip: (reason) => send("skip", reason), shown: () => begin(root), avoided }).focus({ preventScroll: true });
  ahead();
}

function avoided() {
  $("#avoided").hidden = false;
}

function begin(root) {
  keys.use([...common(), ...widget.actions], widget.first);
  $("#submit").disabled = false;
  (widget.focus ?? $("#item")).focus({ preventScroll: true });
  ahead();
}

function note(page, text) {
  const line = document.createElement("p");
  line.className = "practice";
  line.textContent = text;
  page.prepend(line);
}

function changed() {
  $("#missing").textContent = "";
  if (item && widget) remember(key(`draft:${item.question}`), { value: kept(), seconds: timer.seconds });
}

const kept = () => (widget.partly ? widget.partly() : widget.value());
const restore = (value) => (widget.restorePartly ? widget.restorePartly(value) : widget.restore(value));

function send(event, reason = "") {
  if (!item || closing) return closing === "shown" ? next() : undefined;
  const value = event === "answer" ? widget.value() : null;
  if (event === "answer" && value === null) {
    $("#missing").textContent = widget.missing;
    return;
  }
  const said = { id: newId(), lease: item.lease, event, value, seconds: timer.seconds, reason };
  if (event === "answer" && widget.writing) said.writing = widget.writing();
  const draft = kept();
  say("Saving…"); // what the line says of an earlier answer must not be read as being of this one
  const receipt = outbox.put(said);
  remember(key(`draft:${item.question}`), null);
  if (event === "answer" && item.final) return close(receipt);
  history.push({ item, draft, lease: receipt.then((got) => got.lease), event });
  history.at(-1).lease.catch(() => {});
  if (event === "answer" && item.value == null) count(1);
  next();
}

// An answer after which something is shown: the next item waits until it was looked at, and there is no way back.
async function close(receipt) {
  closing = "sent";
  if (!item.practice) count(1);
  $("#submit").disabled = $("#skip").disabled = $("#undo").disabled = true;
  try {
    const got = await receipt;
    closing = "shown";
    behind($("#item .content"), got);
    $("#submit").firstChild.textContent = "Next item ";
    $("#submit").disabled = false;
    keys.use(common().filter((action) => !["skip", "undo"].includes(action.id)));
  } catch {
    next(); // the outbox has said why it was not kept
  }
}

async function undo() {
  const last = history.pop();
  if (!last) return say("There is nothing to take back.");
  try {
    say("Taking it back…");
    const lease = await last.lease;
    const undone = await outbox.put({ id: newId(), lease, event: "undo", value: null, seconds: 0, reason: "" });
    if (item) ready.unshift(item);
    if (last.event === "answer" && last.item.value == null) count(-1);
    show({ ...last.item, lease: undone.lease }, last.draft);
    say("Taken back. Change it and submit it again.");
  } catch (error) {
    say(`It could not be taken back: ${error.message}`);
  }
}

async function earlier(question) {
  try {
    const got = await post(path("again"), { question });
    modules[got.kind] ??= await import(`./kinds/${got.kind}.js`);
    show(got);
    say("You said this before: change it and submit it again.");
  } catch (error) {
    await next();
    say(`It cannot be changed: ${error.message}`);
  }
}

function skip() {
  if (!item || closing) return;
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
    { id: "panes", label: "Each answer in a pane of its own", keys: ["p"], run: press("#panes") },
    { id: "together", label: "Panes scroll together, or each alone", keys: ["t"], run: press("#together:not([hidden])") },
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
addEventListener("beforeunload", () => item && !closing && widget && remembered(key(`draft:${item.question}`), null) && changed());
if (matchMedia("(max-width: 60rem)").matches) for (const part of document.querySelectorAll("aside > details")) part.open = false;
breaks($("#break"), Number(minutes));
stopAvoiding($("#avoided"), () => !item && next());
tellLeft();

const wanted = new URLSearchParams(location.search).get("again");
if (wanted) earlier(wanted);
else next();
