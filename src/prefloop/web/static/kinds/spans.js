// Marks on words. Offsets count code points of the text, as the store does; a string of JavaScript counts otherwise.
import { actionsIn } from "../keys.js";

const points = (text) => [...text].length;

export default function spans(root, item, changed) {
  const boxes = [...root.querySelectorAll(".marking")];
  const nothing = root.querySelector("#nothing");
  const list = root.querySelector(".marks");
  const at = root.querySelector("#at");
  let marks = [];
  let held = null; // the box, and the first and last word taken

  const words = boxes.map((box, place) => {
    let start = 0;
    return item.texts[place].split(/(\s+)/).filter(Boolean).map((piece) => {
      const node = document.createElement("span");
      node.textContent = piece;
      box.append(node);
      const word = { node, start, end: start + points(piece), blank: !piece.trim() };
      start = word.end;
      return word;
    }).filter((word) => !word.blank);
  });

  function hold(place, anchor, focus) {
    held = { place, anchor, focus };
    const [low, high] = [Math.min(anchor, focus), Math.max(anchor, focus)];
    words.flat().forEach((word) => word.node.classList.remove("held", "cursor"));
    words[place].slice(low, high + 1).forEach((word) => word.node.classList.add("held"));
    words[place][focus].node.classList.add("cursor");
    words[place][focus].node.scrollIntoView({ block: "nearest" });
    const on = marks.filter((m) => m.response === place && m.start < words[place][high].end && m.end > words[place][low].start);
    at.textContent = words[place].slice(low, high + 1).map((w) => w.node.textContent).join(" ") + on.map((m) => `, marked ${m.type}`).join("");
  }

  function range() {
    const chosen = getSelection();
    if (chosen && !chosen.isCollapsed) {
      const place = boxes.findIndex((box) => box.contains(chosen.anchorNode) && box.contains(chosen.focusNode));
      const inside = place < 0 ? [] : words[place].filter((word) => chosen.containsNode(word.node, true));
      if (inside.length) return { response: place, start: inside[0].start, end: inside.at(-1).end };
    }
    if (!held) return null;
    const { place, anchor, focus } = held;
    const [low, high] = [Math.min(anchor, focus), Math.max(anchor, focus)];
    return { response: place, start: words[place][low].start, end: words[place][high].end };
  }

  function mark(type) {
    const span = range();
    if (!span) {
      at.textContent = "Take some words first.";
      return;
    }
    getSelection()?.removeAllRanges();
    const same = (m) => m.response === span.response && m.start === span.start && m.end === span.end && m.type === type;
    marks = marks.some(same) ? marks.filter((m) => !same(m)) : [...marks, { ...span, type }];
    nothing.checked = false;
    draw();
    at.textContent = `Marked ${type}.`;
  }

  function unmark() {
    const span = range();
    if (!span) return;
    marks = marks.filter((m) => m.response !== span.response || m.end <= span.start || m.start >= span.end);
    draw();
  }

  function draw() {
    words.forEach((some, place) =>
      some.forEach((word) => {
        const on = marks.filter((m) => m.response === place && m.start < word.end && m.end > word.start);
        word.node.classList.toggle("marked", on.length > 0);
        word.node.dataset.types = on.filter((m) => m.start === word.start).map((m) => m.type).join(", ");
      }),
    );
    list.replaceChildren(
      ...marks.map((m) => {
        const row = document.createElement("li");
        const words_ = [...item.texts[m.response]].slice(m.start, m.end).join("");
        const remove = document.createElement("button");
        Object.assign(remove, { type: "button", textContent: "Take away" });
        remove.setAttribute("aria-label", `Take away ${m.type}: ${words_}`);
        remove.onclick = () => {
          marks = marks.filter((other) => other !== m);
          draw();
        };
        const quoted = document.createElement("q");
        quoted.textContent = words_;
        row.append(`${m.type}: `, quoted, " ", remove);
        return row;
      }),
    );
    changed();
  }

  function first(event) {
    const box = boxes.indexOf(document.activeElement);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (box < 0 || !by || !words[box].length) return false;
    const now = held?.place === box ? held : null;
    const focus = now ? Math.max(0, Math.min(words[box].length - 1, now.focus + by)) : 0;
    hold(box, event.shiftKey && now ? now.anchor : focus, focus);
    return true;
  }

  boxes.forEach((box, place) =>
    box.addEventListener("focus", () => {
      if (held?.place !== place && words[place].length) hold(place, 0, 0);
    }),
  );
  words.forEach((some, place) => some.forEach((word, n) => word.node.addEventListener("click", (event) => hold(place, event.shiftKey && held?.place === place ? held.anchor : n, n))));
  for (const button of root.querySelectorAll("[data-type]")) button.addEventListener("click", () => mark(button.dataset.type));
  nothing.addEventListener("change", () => {
    if (nothing.checked) marks = [];
    draw();
  });
  return {
    actions: [...actionsIn(root), { id: "unmark", label: "Take a mark away", keys: ["backspace", "delete"], run: unmark }],
    first,
    focus: boxes[0],
    missing: "Mark what is wrong, or say that nothing is.",
    value: () => (marks.length || nothing.checked ? marks : null),
    partly: () => ({ marks, nothing: nothing.checked }),
    fromValue: (said) => ({ marks: said, nothing: !said.length }),
    restorePartly: (draft) => {
      marks = draft.marks;
      nothing.checked = draft.nothing;
      draw();
    },
  };
}
