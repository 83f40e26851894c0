// A picture is sent to be read as soon as it is there.

import { part } from "./search.js";
import { Stage } from "./stage.js";

const form = document.querySelector(".attempt");
const drop = document.querySelector(".drop");
const result = document.getElementById("result");
let picture = null;

async function read() {
  if (!picture) return;
  const words = new URLSearchParams({ engine: form.elements.engine.value, shape: form.elements.shape.value });
  result.innerHTML = '<p class="empty">Reading …</p>';
  try {
    const answer = await part(`/try?${words}`, { method: "POST", body: picture, headers: { "content-type": "application/octet-stream" } });
    result.innerHTML = answer.html;
    if (answer.status === 413) result.innerHTML = '<p class="notice">The picture is too large.</p>';
    if (result.querySelector(".stage")) new Stage(result);
  } catch {
    result.innerHTML = '<p class="notice">The viewer does not answer, or the picture is too large for it.</p>';
  }
}

function take(file) {
  if (!file) return;
  picture = file;
  drop.querySelector("b").textContent = file.name || "A picture";
  drop.classList.add("filled");
  read();
}

form.querySelector("input[type=file]").addEventListener("change", (event) => take(event.target.files[0]));
form.addEventListener("change", (event) => event.target.matches("select") && read());
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("paste", (event) => take(event.clipboardData.files[0]));
for (const kind of ["dragover", "drop", "dragleave"])
  addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
