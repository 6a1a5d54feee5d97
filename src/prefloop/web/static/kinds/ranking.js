import { actionsIn } from "../keys.js";

export default function ranking(root, item, changed) {
  const list = root.querySelector(".ranked");
  const level = root.querySelector("#level");
  const buttons = [...root.querySelectorAll(".pool [data-place]")];
  const name = (place) => buttons[place].textContent.replace(/^\s*\d+\s*/, "").trim();
  let tiers = [];

  function put(place) {
    if (tiers.flat().includes(place)) return;
    if (level.getAttribute("aria-pressed") === "true" && tiers.length) tiers.at(-1).push(place);
    else tiers.push([place]);
    level.setAttribute("aria-pressed", "false");
    draw();
  }

  function takeBack() {
    tiers.at(-1)?.pop();
    draw();
  }

  // Moves one answer a rank up or down; together with others, it first gets a rank of its own.
  function move(place, by) {
    const from = tiers.findIndex((tier) => tier.includes(place));
    const alone = tiers[from].length === 1;
    tiers[from] = tiers[from].filter((other) => other !== place);
    tiers.splice(by < 0 ? from - (alone ? 1 : 0) : from + 1 + (alone ? 1 : 0), 0, [place]);
    draw(place, by);
  }

  // What is dropped on a rank has that rank: it goes before the others where it came from below, after them from above.
  function drop(place, rank) {
    const from = tiers.findIndex((tier) => tier.includes(place));
    const emptied = tiers.map((tier) => tier.filter((other) => other !== place));
    emptied.splice(from >= 0 && from < rank ? rank + 1 : rank, 0, [place]);
    tiers = emptied;
    draw();
  }

  const carried = (event) => Number(event.dataTransfer.getData("text/plain"));
  const carries = (node, place) => {
    node.draggable = true;
    node.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", String(place)));
  };
  const takes = (node, run) => {
    node.addEventListener("dragover", (event) => event.preventDefault());
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      run(carried(event));
    });
  };

  function moved(place, by, words, disabled) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: by < 0 ? "↑" : "↓", disabled });
    button.setAttribute("aria-label", `${name(place)} ${words}`);
    button.dataset.moves = `${place} ${by}`;
    button.onclick = () => move(place, by);
    return button;
  }

  function draw(place, by) {
    tiers = tiers.filter((tier) => tier.length);
    list.replaceChildren(
      ...tiers.map((tier, rank) => {
        const row = document.createElement("li");
        takes(row, (place) => drop(place, rank));
        tier.forEach((one, n) => {
          const chip = document.createElement("span");
          chip.className = "chip";
          chip.textContent = `${n ? "= " : ""}${name(one)}`;
          carries(chip, one);
          const single = tier.length === 1;
          row.append(chip, moved(one, -1, "up", single && rank === 0), moved(one, 1, "down", single && rank === tiers.length - 1));
        });
        return row;
      }),
    );
    for (const button of buttons) button.disabled = tiers.flat().includes(Number(button.dataset.place));
    level.disabled = !tiers.length || tiers.flat().length === buttons.length;
    if (place !== undefined) {
      const again = list.querySelector(`[data-moves="${place} ${by}"]`);
      (again?.disabled ? list.querySelector(`[data-moves="${place} ${-by}"]`) : again)?.focus();
    }
    changed();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => put(Number(button.dataset.place)));
    carries(button, button.dataset.place);
  }
  takes(list, (place) => drop(place, tiers.length));
  level.addEventListener("click", () =>
    level.setAttribute("aria-pressed", String(level.getAttribute("aria-pressed") !== "true")),
  );
  draw();
  return {
    actions: [
      ...actionsIn(root, ".pool [data-place]"),
      { id: "level", label: "The next one level with the one before", keys: ["="], run: () => level.click() },
      { id: "back", label: "Take the last one back", keys: ["backspace"], run: takeBack },
    ],
    missing: "Rank every answer first.",
    value: () => (tiers.flat().length === buttons.length ? tiers : null),
    partly: () => tiers,
    fromValue: (said) => said,
    restorePartly: (draft) => {
      tiers = draft;
      draw();
    },
  };
}
