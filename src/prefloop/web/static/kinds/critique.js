import writing from "../writing.js";

export default (root, item, changed) =>
  writing(root, changed, { value: (text, response) => (text.trim() ? { response, text } : null) });
