// One table of what can be done and by which key; the person's own keys are kept on this device.
import { remember, remembered } from "./server.js";

const KEPT = "prefloop:keys";
const NAMES = { " ": "Space", arrowleft: "←", arrowright: "→", arrowup: "↑", arrowdown: "↓", enter: "⏎", backspace: "⌫" };
const shown = (key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
const writes = (node) => node.closest("textarea, select, input:not([type=radio], [type=checkbox])") !== null;

export class Keys {
  constructor(dialog) {
    Object.assign(this, { dialog, own: remembered(KEPT, {}), actions: [], first: null, asking: null });
    document.addEventListener("keydown", (event) => this.pressed(event));
    dialog.querySelector("#close-keys").onclick = () => dialog.close();
    dialog.querySelector("#reset-keys").onclick = () => {
      this.own = {};
      remember(KEPT, null);
      this.draw();
    };
  }

  // Each action: id, label, keys, run. `first` sees a key before all of them and says whether it took it.
  use(actions, first) {
    this.actions = actions;
    this.first = first;
  }

  keysOf(action) {
    return this.own[action.id] ? [this.own[action.id]] : action.keys;
  }

  pressed(event) {
    const key = event.key.toLowerCase();
    if (this.asking) return this.take(event, key);
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    if (key === "enter" && (event.ctrlKey || event.metaKey)) return this.run(event, this.actions.find((a) => a.id === "submit"));
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (writes(event.target)) {
      if (key === "escape") event.target.blur();
      return;
    }
    if (this.first?.(event)) return event.preventDefault();
    if ((key === "enter" || key === " ") && event.target.closest("button, a, summary")) return;
    this.run(event, this.actions.find((action) => this.keysOf(action).includes(key)));
  }

  run(event, action) {
    if (!action) return;
    event.preventDefault();
    action.run();
  }

  take(event, key) {
    event.preventDefault();
    const { action } = this.asking;
    if (["shift", "control", "alt", "meta", "tab"].includes(key)) return;
    this.asking = null;
    if (key !== "escape") {
      for (const other of this.actions) {
        if (other !== action && this.keysOf(other).includes(key)) this.own[other.id] = this.keysOf(action)[0];
      }
      this.own[action.id] = key;
      remember(KEPT, this.own);
    }
    this.draw(action.id);
  }

  open() {
    this.draw();
    this.dialog.showModal();
  }

  draw(focused) {
    const rows = this.actions.map((action) => {
      const row = document.createElement("tr");
      const what = document.createElement("th");
      what.scope = "row";
      what.textContent = action.label;
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.action = action.id;
      button.textContent = this.keysOf(action).map(shown).join(" or ");
      button.setAttribute("aria-label", `${button.textContent}: change the key for ${action.label}`);
      button.onclick = () => {
        this.asking = { action };
        button.textContent = "Press a key…";
      };
      const cell = document.createElement("td");
      cell.append(button);
      row.append(what, cell);
      return row;
    });
    this.dialog.querySelector("tbody").replaceChildren(...rows);
    if (focused) this.dialog.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
  }
}

// Actions for everything in `root` that has keys, by its visible words.
export function actionsIn(root, selector = "[data-keys]") {
  return [...root.querySelectorAll(selector)]
    .filter((node) => node.dataset.keys)
    .map((node) => {
      const words = [...(node.closest("label") ?? node).childNodes].filter((n) => n.nodeName !== "KBD");
      const label = words.map((n) => n.textContent).join(" ").trim().replace(/\s+/g, " ");
      return { id: label, label, keys: node.dataset.keys.split(" "), run: () => node.click() };
    });
}
