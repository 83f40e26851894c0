// The lines of an audit sample, one after the other. The reading is nowhere on this page.

import { part } from "./search.js";
import { listen, save } from "./writing.js";

const desk = document.getElementById("desk");
const { audit, transcriber } = desk.dataset;

async function next(after) {
  const words = new URLSearchParams({ transcriber, after });
  const answer = await part(`/audit/${audit}/transcribe?${words}`);
  desk.innerHTML = answer.html;
  begin();
}

function begin() {
  const form = desk.querySelector("form");
  if (!form) return;
  form.elements.text.focus();
  listen(form, async (status, text) => {
    if (["cancel", "next", "before"].includes(status)) return;
    if (status !== "skip") await save(`/audit/${audit}/lines/${form.dataset.line}`, { text, status, transcriber });
    await next(form.dataset.number);
  });
}

begin();
