// Search as one types, and "/" which leads to it from everywhere.

const PAUSE_MS = 140;

export async function part(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { "x-warraq": "part", ...options.headers } });
  return { ok: answer.ok, status: answer.status, html: await answer.text() };
}

export function inField(event) {
  return event.target.closest?.("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || inField(event)) return;
  const field = document.querySelector(".find input");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// A scan that is gone leaves its place empty.
const SMALL = ".thumb img, .crop img";
document.addEventListener("error", (event) => {
  if (event.target.matches?.(SMALL)) event.target.hidden = true;
}, true);
for (const image of document.querySelectorAll(SMALL)) image.hidden = image.complete && !image.naturalWidth;

const form = document.querySelector(".find.live");
if (form) live(form, document.getElementById("hits"));

function live(form, hits) {
  const field = form.elements.q;
  const told = document.getElementById("told"); // what a screen reader says of the hits
  let waiting = 0, asked = null, shown = address();
  field.setSelectionRange(field.value.length, field.value.length);

  function address(limit = "") {
    const words = new URLSearchParams({ q: field.value.trim() });
    if (form.elements.collection?.value) words.set("collection", form.elements.collection.value);
    if (limit) words.set("limit", limit);
    return words.toString();
  }

  async function ask(words, { remember = true } = {}) {
    if (words === shown) return;
    shown = words;
    asked?.abort();
    asked = new AbortController();
    hits.classList.add("busy");
    try {
      const answer = await part(`/search/hits?${words}`, { signal: asked.signal });
      hits.innerHTML = answer.html;
      told.textContent = hits.querySelector(".count, .empty, .notice")?.textContent ?? "";
      hits.classList.remove("busy");
      if (remember) history.replaceState(null, "", `/search?${words}`);
      document.title = `${field.value.trim() || "Search"} · Warraq`;
    } catch (error) {
      if (error.name === "AbortError") return;
      hits.classList.remove("busy");
      hits.innerHTML = '<p class="notice">The viewer does not answer. Is <code>warraq serve</code> still running?</p>';
      shown = null;
    }
  }

  field.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (!event.isComposing) waiting = setTimeout(() => ask(address()), PAUSE_MS);
  });
  form.elements.collection?.addEventListener("change", () => ask(address()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    ask(address());
  });
  hits.addEventListener("click", (event) => {
    const more = event.target.closest("a.more");
    if (!more) return;
    event.preventDefault();
    ask(address(new URL(more.href).searchParams.get("limit")));
  });
  // From the field down into the hits and back.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...hits.querySelectorAll(".hits a")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && (document.activeElement !== field || event.key === "ArrowUp")) return;
    event.preventDefault();
    const to = at + (event.key === "ArrowDown" ? 1 : -1);
    (to < 0 ? field : links[Math.min(to, links.length - 1)])?.focus();
  });
}
