import groups from "../groups.js";

export default (root, item, changed) =>
  groups(
    root,
    changed,
    (all, picked) => {
      const value = item.texts.map(() => ({}));
      for (const group of all) value[group.dataset.place][group.dataset.axis] = Number(picked(group).value);
      return value;
    },
    (said, group) => said[group.dataset.place][group.dataset.axis],
  );
