// One of several options, each a radio button whose value is JSON.
import { actionsIn } from "./keys.js";

export default function pick(root, item, changed) {
  const options = [...root.querySelectorAll("input[name=pick]")];
  for (const option of options) option.addEventListener("change", changed);
  return {
    actions: actionsIn(root),
    missing: "Choose one first.",
    value: () => {
      const picked = options.find((option) => option.checked);
      return picked ? JSON.parse(picked.value) : null;
    },
    restore: (value) => {
      const same = options.find((option) => JSON.stringify(JSON.parse(option.value)) === JSON.stringify(value));
      if (same) same.checked = true;
    },
  };
}
