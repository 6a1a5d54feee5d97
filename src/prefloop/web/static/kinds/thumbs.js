import groups from "../groups.js";

export default (root, item, changed) =>
  groups(
    root,
    changed,
    (all, picked) => all.map((group) => picked(group).value === "true"),
    (said, group) => said[group.dataset.place],
  );
