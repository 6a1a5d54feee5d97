// Several groups of radio buttons. A key goes to the group that has the focus, or to the first without an answer.
export default function groups(root, changed, collect, spread) {
  const all = [...root.querySelectorAll("fieldset.group")];
  const picked = (group) => group.querySelector("input:checked");
  for (const group of all) group.addEventListener("change", changed);

  const current = () => {
    const focused = document.activeElement?.closest?.("fieldset.group");
    return all.includes(focused) ? focused : (all.find((group) => !picked(group)) ?? all[0]);
  };
  const press = (key) => {
    const group = current();
    const option = [...group.querySelectorAll("input")].find((input) => input.dataset.keys.split(" ").includes(key));
    if (!option) return;
    option.click();
    const next = all[all.indexOf(group) + 1];
    (next ? (picked(next) ?? next.querySelector("input")) : option).focus({ focusVisible: true });
  };
  const keys = new Map();
  for (const input of all.flatMap((group) => [...group.querySelectorAll("input[data-keys]")])) {
    const label = input.closest("label").querySelector(":scope > span").textContent.trim();
    if (input.dataset.keys) keys.set(`${label}, for the answer in hand`, input.dataset.keys.split(" "));
  }
  return {
    actions: [...keys].map(([label, own]) => ({ id: label, label, keys: own, run: () => press(own[0]) })),
    missing: "Something has no answer yet.",
    value: () => (all.every(picked) ? collect(all, picked) : null),
    partly: () => all.map((group) => picked(group)?.value ?? null),
    fromValue: (said) => all.map((group) => String(spread(said, group))),
    restorePartly: (values) =>
      values.forEach((value, n) => {
        const option = [...(all[n]?.querySelectorAll("input") ?? [])].find((input) => input.value === value);
        if (option) option.checked = true;
      }),
  };
}
