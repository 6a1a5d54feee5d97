// Shows a run while it goes on: asks the server every two seconds, and stops moving when asked to.
const EVERY = 2000;
const KEPT = 20;
const $ = (selector) => document.querySelector(selector);
const list = $("#samples");
const pause = $("#pause");
let last = 0;
let held = [];
let away = false;

function tell(now) {
  for (const [name, text] of Object.entries(now)) {
    const place = document.querySelector(`[data-shows=${name}]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
  const shown = $("#warnings");
  if (shown.childElementCount !== now.warnings.length) {
    const lines = now.warnings.map((text) => Object.assign(document.createElement("li"), { className: "problem", textContent: text }));
    shown.replaceChildren(...lines);
  }
}

function show(samples) {
  for (const sample of samples) {
    const item = document.createElement("li");
    item.value = sample.number;
    item.innerHTML = sample.html; // made and sanitised by the server
    list.prepend(item);
  }
  while (list.childElementCount > KEPT) list.lastElementChild.remove();
  $("#none").hidden = list.childElementCount > 0;
}

function paused() {
  return pause?.getAttribute("aria-pressed") === "true";
}

function say(text) {
  if ($("#status").textContent !== text) $("#status").textContent = text;
}

async function ask() {
  try {
    const answer = await fetch(`${location.pathname}.json?after=${last}`, { headers: { Accept: "application/json" } });
    const told = await answer.json();
    if (!answer.ok) throw new Error(` (${told.detail})`);
    tell(told.now);
    last = told.samples.at(-1)?.number ?? last;
    held = [...held, ...told.samples].slice(-KEPT);
    if (list && !paused()) show(held.splice(0));
    say(paused() && held.length ? `Paused. ${held.length} new answers wait.` : away ? "The run answers again." : "");
    away = false;
  } catch (error) {
    away = true;
    const why = error instanceof TypeError ? "" : error.message; // a TypeError is a network without an answer
    say(`The run does not answer: it has ended, or was stopped. Every label is kept.${why}`);
  }
  setTimeout(ask, EVERY);
}

function toggle() {
  pause.setAttribute("aria-pressed", String(!paused()));
  say(paused() ? "Paused." : "Going on.");
  if (!paused()) show(held.splice(0));
}

if (pause) {
  pause.onclick = toggle;
  addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key.toLowerCase() === "p" && plain && !event.repeat && !event.target.closest("input, textarea, select")) toggle();
  });
}
ask();
