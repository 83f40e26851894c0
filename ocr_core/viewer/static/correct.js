// Correcting the lines of a page: the picture of the line above the box it is written in.

import { stage } from "./page.js";
import { inField } from "./search.js";
import { listen, save } from "./writing.js";

const NAME = "warraq-transcriber";
const article = document.querySelector(".beside");
const drafts = new Map(); // what was begun on a line, by its id, until it is saved or left

function element(name, values = {}, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}

function button(status, label, key, kind = "button") {
  const made = element("button", { type: kind, className: kind === "submit" ? "primary" : "" }, `${label} `);
  if (key) made.append(element("kbd", { textContent: key }));
  made.dataset.status = status;
  if (status === "turn") made.title = made.ariaLabel = "Write from the other side";
  return made;
}

function current(item) {
  const human = item.querySelector(".human"), reading = item.querySelector(".reading");
  const shown = human ?? reading;
  return shown.querySelector("em") ? "" : shown.textContent.trim();
}

function open(item) {
  close();
  stage.choose(item.dataset.line, { look: "goTo" });
  const picture = element("img", { alt: "The line", src: `/pages/${article.dataset.page}/lines/${item.dataset.box}.jpg` });
  const field = element("textarea", { name: "text", rows: 1, dir: item.dir, value: drafts.get(item.dataset.id) ?? current(item), spellcheck: false, maxLength: 4000 });
  field.lang = item.dir === "rtl" ? "ar" : "en";
  field.setAttribute("aria-label", `Line ${item.dataset.line}`);
  for (const name of ["autocomplete", "autocorrect", "autocapitalize"]) field.setAttribute(name, "off");
  const who = element("input", { name: "who", value: localStorage.getItem(NAME) ?? article.dataset.writer, maxLength: 80, size: 10, title: "Who writes" });
  who.setAttribute("aria-label", "Who writes");
  const form = element("form", { className: "editor", dir: item.dir }, picture, field,
    element("div", { className: "row" }, button("text", "Save", "Enter", "submit"), button("cancel", "Leave", "Esc"),
      button("empty", "Empty", "Alt N"), button("illegible", "Illegible", "Alt I"), button("turn", "⇄"), element("label", { className: "who" }, "by ", who)),
    element("p", { className: "problem", hidden: true }));
  form.querySelector(".problem").setAttribute("role", "alert");
  item.append(form);
  listen(form, (status, text) => act(item, form, status, text));
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
  item.scrollIntoView({ block: "center" });
}

function close({ forget = false } = {}) {
  const form = article.querySelector(".editor");
  if (!form) return;
  const item = form.closest(".line"), text = form.elements.text.value;
  if (forget || text.trim() === current(item)) drafts.delete(item.dataset.id);
  else drafts.set(item.dataset.id, text);
  form.remove();
}

async function act(item, form, status, text) {
  if (status === "skip") return;
  if (status === "cancel") {
    close({ forget: true });
    return;
  }
  if (status === "next" || status === "before") {
    move(item, status === "next" ? 1 : -1);
    return;
  }
  const transcriber = form.elements.who.value.trim();
  localStorage.setItem(NAME, transcriber);
  await save(`/lines/${item.dataset.id}`, { text, status, transcriber });
  shown(item, status, text, transcriber);
  close({ forget: true });
  move(item, 1);
}

function shown(item, status, text, transcriber) {
  item.querySelector(".human")?.remove();
  item.querySelector(".reading").hidden = status !== "illegible"; // then it is the best there is
  const human = element("span", { className: "human", title: `Written by ${transcriber}` });
  human.append(status === "text" ? text : element("em", { textContent: status }));
  item.querySelector(".written").append(human);
}

function move(item, by) {
  const items = [...article.querySelectorAll(".line")];
  const next = items[items.indexOf(item) + by];
  if (next) open(next);
  else close();
}

addEventListener("beforeunload", (event) => {
  const form = article.querySelector(".editor");
  if (drafts.size || (form && form.elements.text.value.trim() !== current(form.closest(".line")))) event.preventDefault();
});
article.addEventListener("click", (event) => {
  if (event.target.closest(".correct")) open(event.target.closest(".line"));
});
article.addEventListener("dblclick", (event) => {
  const item = event.target.closest(".line");
  if (item && !event.target.closest(".editor")) open(item);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || inField(event) || event.target.closest("a, button, summary") || !stage.chosen) return;
  event.preventDefault();
  open(stage.chosen);
});
