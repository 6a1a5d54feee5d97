// An item with a warning is blurred, and out of reach of keys and screen readers, until somebody asks for it.
import { remember, remembered } from "./server.js";

const KEPT = "prefloop:avoid";
export const REASON = "I would rather not read this";
export const avoids = (item) => Boolean(item.warning) && item.avoidable && remembered(KEPT, false);

export function stopAvoiding(box, changed) {
  box.hidden = !remembered(KEPT, false);
  box.querySelector("button").onclick = () => {
    remember(KEPT, null);
    box.hidden = true;
    changed();
  };
}

export function warn(root, item, { skip, shown, avoided }) {
  const content = root.querySelector(".content");
  const box = document.createElement("section");
  box.className = "warned";
  box.setAttribute("aria-label", "Warning");
  const words = document.createElement("p");
  words.textContent = item.warning;
  const row = document.createElement("div");
  row.className = "row";
  const button = (text, run) => {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: text, onclick: run });
    row.append(made);
    return made;
  };
  const show = button("Show it", () => {
    box.remove();
    content.inert = false;
    content.classList.remove("blurred");
    shown();
  });
  button("Skip it", () => skip(REASON));
  if (item.avoidable) {
    button("Skip all items with a warning", () => {
      remember(KEPT, true);
      avoided();
      skip(REASON);
    });
  }
  box.append(words, row);
  content.inert = true;
  content.classList.add("blurred");
  root.prepend(box);
  return show;
}
