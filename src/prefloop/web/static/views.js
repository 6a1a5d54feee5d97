// How the answers are shown: formatted, as written, or with their differences; in panes of their own; and copied.
import { remember, remembered } from "./server.js";

const KEPT = "prefloop:panes";

export function views(root, item, { compare, say }) {
  let fetched = false;
  const choose = async (view) => {
    const now = root.querySelector("[data-view][aria-pressed=true]")?.dataset.view;
    const wanted = now === view ? "rendered" : view;
    if (wanted === "differences" && !fetched) {
      try {
        const sides = await compare();
        root.querySelectorAll("[data-shows=differences]").forEach((node, n) => (node.innerHTML = sides[n]));
        fetched = true;
      } catch {
        return say("The differences could not be fetched.");
      }
    }
    for (const node of root.querySelectorAll("[data-shows]")) node.hidden = node.dataset.shows !== wanted;
    for (const node of root.querySelectorAll("[data-view]")) node.setAttribute("aria-pressed", String(node.dataset.view === wanted));
  };
  for (const button of root.querySelectorAll("[data-view]")) button.onclick = () => choose(button.dataset.view);
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.onclick = async () => {
      const copied = await copy(item.texts[Number(button.dataset.copy)]);
      say(copied ? `${button.dataset.name} is copied.` : "It could not be copied.");
    };
  }
  panes(root);
}

// The clipboard is there over https and on this machine only; elsewhere the old way still works.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    before?.focus();
    return copied;
  }
}

// Panes scroll by themselves, and together as long as that is wished: each as far, in parts of its own length.
function panes(root) {
  const [own, together] = [root.querySelector("#panes"), root.querySelector("#together")];
  if (!own) return;
  const sides = [...root.querySelectorAll(".side")];
  const kept = remembered(KEPT, { own: false, together: true });
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  const draw = () => {
    own.setAttribute("aria-pressed", String(kept.own));
    together.setAttribute("aria-pressed", String(kept.together));
    together.hidden = !kept.own;
    root.querySelector(".sides").classList.toggle("panes", kept.own);
    for (const side of sides) {
      if (kept.own) side.tabIndex = 0;
      else side.removeAttribute("tabindex");
    }
  };
  own.onclick = () => {
    kept.own = !kept.own;
    remember(KEPT, kept);
    draw();
  };
  together.onclick = () => {
    kept.together = !pressed(together);
    remember(KEPT, kept);
    draw();
  };
  let moved = null; // the pane that a person scrolls; the others follow and do not lead
  for (const side of sides) {
    for (const event of ["wheel", "pointerdown", "keydown", "touchstart"]) {
      side.addEventListener(event, () => (moved = side), { passive: true });
    }
    side.addEventListener("scroll", () => {
      if (side !== moved || !kept.own || !kept.together) return;
      const share = side.scrollTop / Math.max(1, side.scrollHeight - side.clientHeight);
      for (const other of sides) if (other !== side) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
    });
  }
  draw();
}
