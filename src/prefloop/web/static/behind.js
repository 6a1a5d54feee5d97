// What is shown once an answer is final: what is right, and why, or who wrote what.
export default function behind(root, receipt) {
  for (const field of root.querySelectorAll("fieldset, textarea, .ranking button, .types button, .marks button, .writing input")) field.disabled = true;
  const box = document.createElement("section");
  box.className = "behind";
  box.tabIndex = -1;
  box.setAttribute("aria-labelledby", "behind-title");
  const title = document.createElement("h2");
  title.id = "behind-title";
  box.append(title);
  if (receipt.solution) solution(box, title, receipt.solution);
  else sources(box, title, receipt.sources ?? []);
  root.append(box);
  box.focus({ preventScroll: true });
  box.scrollIntoView({ block: "nearest" });
}

function solution(box, title, { right, said, expected, explanation }) {
  title.textContent = right === null ? "Compare" : right ? "✓ That is right" : "✗ That is not what was expected";
  line(box, "You said", said);
  line(box, "Expected", expected);
  if (!explanation) return;
  const why = document.createElement("div");
  why.className = "text";
  why.dir = "auto";
  why.innerHTML = explanation; // made by our server, which cleans it
  box.append(why);
}

function sources(box, title, all) {
  title.textContent = "Who wrote what";
  for (const { name, source } of all) line(box, `Answer ${name}`, source);
  line(box, "Your answer", "is closed now");
}

function line(box, name, words) {
  const row = document.createElement("p");
  const bold = document.createElement("b");
  bold.textContent = `${name}: `;
  row.append(bold, words);
  box.append(row);
}
