// A text of one's own, perhaps about one of several answers.
import { actionsIn } from "./keys.js";

export default function writing(root, changed, { value, start = () => "" }) {
  const field = root.querySelector("#text");
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
    partly: () => ({ text: field.value, place: place() }),
    restorePartly: (draft) => {
      field.value = draft.text;
      if (which[draft.place]) which[draft.place].checked = true;
      shown = draft.place;
    },
  };
}
