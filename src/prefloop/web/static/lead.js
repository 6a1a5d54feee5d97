// The form of a new project: shows what the chosen file would become, and the options of the chosen kind alone.
const form = document.querySelector("#new");

function fitKind() {
  const kind = form.elements.kind.value;
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== kind;
}

let asked = 0;
async function preview() {
  const out = form.querySelector("#preview");
  const own = ++asked;
  if (!form.elements.file.files.length) {
    out.replaceChildren();
    return;
  }
  out.textContent = "Reading the file…";
  const body = new FormData(form);
  let html = "";
  try {
    html = await (await fetch("/lead/projects/preview", { method: "POST", body })).text();
  } catch {
    html = '<p class="problem">The file could not be sent: try again.</p>';
  }
  // a page of ours, made by the server's templates, which escape what is in the file
  if (own === asked) out.innerHTML = html;
}

if (form) {
  fitKind();
  form.elements.kind.addEventListener("change", () => {
    fitKind();
    preview();
  });
  form.elements.file.addEventListener("change", preview);
}
