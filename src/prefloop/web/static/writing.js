// A text of one's own, perhaps about one of several answers.
import { actionsIn } from "./keys.js";

export default function writing(root, changed, { value, start = () => "" }) {
  const field = root.querySelector("#text");
  const wrote = { keystrokes: 0, pastes: 0, pasted: 0 };
  const brought = (from) => {
    wrote.pastes += 1;
    wrote.pasted += [...(from?.getData("text") ?? "")].length;
  };
  field.addEventListener("paste", (event) => brought(event.clipboardData));
  field.addEventListener("drop", (event) => brought(event.dataTransfer));
  field.addEventListener("keydown", (event) => {
    const writes = event.key.length === 1 || ["Enter", "Backspace", "Delete"].includes(event.key);
    if (writes && !event.ctrlKey && !event.metaKey) wrote.keystrokes += 1;
  });
  const which = [...root.querySelectorAll("input[name=which]")];
  const place = () => Number(which.find((option) => option.checked)?.value ?? 0);
  field.value = start(place());
  field.addEventListener("input", changed);
  let shown = place();
  for (const option of which) {
    option.addEventListener("change", () => {
      if (field.value === start(shown)) field.value = start(place());
      shown = place();
      changed();
    });
  }
  return {
    actions: [
      ...actionsIn(root),
      { id: "write", label: "Write", keys: ["i"], run: () => field.focus() },
    ],
    missing: "Write something first.",
    focus: field,
    value: () => value(field.value, place()),
    writing: () => ({ ...wrote }),
    partly: () => ({ text: field.value, place: place(), wrote }),
    fromValue: (said) => ({ text: said.text, place: said.response ?? 0 }),
    restorePartly: (draft) => {
      field.value = draft.text;
      Object.assign(wrote, draft.wrote);
      if (which[draft.place]) which[draft.place].checked = true;
      shown = draft.place;
    },
  };
}
