import writing from "../writing.js";

export default function edit(root, item, changed) {
  const fine = root.querySelector("#fine");
  fine.addEventListener("change", changed);
  const made = writing(root, changed, {
    start: (place) => item.texts[place].replace(/\r\n?/g, "\n"),
    value: (text, response) => {
      if (fine.checked) return { response, text: item.texts[response] };
      return text.trim() && text !== item.texts[response].replace(/\r\n?/g, "\n") ? { response, text } : null;
    },
  });
  const fromValue = (said) => {
    fine.checked = said.text === item.texts[said.response];
    return made.fromValue(said);
  };
  return { ...made, fromValue, missing: "Correct the text, or say that it needs no correction." };
}
