// One page: its stage, its keys.

import { inField } from "./search.js";
import { Stage } from "./stage.js";

export const stage = new Stage(document);

const chosen = /^#l(\d+)$/.exec(location.hash)?.[1];
if (chosen) stage.choose(chosen, { scroll: true, look: "goTo" });
addEventListener("hashchange", () => {
  const line = /^#l(\d+)$/.exec(location.hash)?.[1];
  if (line) stage.choose(line, { scroll: true });
});

const KEYS = { "+": "in", "=": "in", "-": "out", "0": "fit", w: "wide", r: "turn", l: "lines" };

document.addEventListener("keydown", (event) => {
  if (inField(event)) return;
  if (KEYS[event.key]) stage.do(KEYS[event.key]);
  else if (event.key === "j" || event.key === "ArrowDown") stage.step(1);
  else if (event.key === "k" || event.key === "ArrowUp") stage.step(-1);
  else if (event.key === "[") document.querySelector(".leaf [rel=prev]")?.click();
  else if (event.key === "]") document.querySelector(".leaf [rel=next]")?.click();
  else return;
  event.preventDefault();
});
