// What correcting and transcribing share: a form that saves a line, by keys.

const KEYS = { n: "empty", i: "illegible", l: "skip" };

export async function save(address, written) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", "x-warraq": "part" },
    body: JSON.stringify(written),
  });
  if (answer.ok) return;
  const told = document.createElement("div");
  told.innerHTML = await answer.text();
  throw new Error(told.textContent.trim() || `The viewer refused it (${answer.status}).`);
}

// Calls `act(status, text)` for a button or key: text, empty, illegible, skip, cancel, next, before.
export function listen(form, act) {
  const field = form.elements.text;
  async function done(status) {
    if (form.inert) return;
    if (status === "turn") {
      field.dir = field.dir === "rtl" ? "ltr" : "rtl";
      field.focus();
      return;
    }
    const text = field.value.replace(/\s+/gu, " ").trim();
    if (status === "text" && !text) return tell(form, "Write the line, or say that nothing is written there.");
    form.inert = true;
    try {
      await act(status, status === "text" ? text : "");
    } catch (error) {
      tell(form, error instanceof TypeError ? "The viewer does not answer." : error.message);
    } finally {
      form.inert = false;
      if (form.isConnected) field.focus();
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done("text");
  });
  form.addEventListener("click", (event) => {
    const status = event.target.closest("button")?.dataset.status;
    if (status && status !== "text") done(status);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const status =
      event.key === "Enter" ? "text"
      : event.key === "Escape" ? "cancel"
      : event.altKey && event.key === "ArrowDown" ? "next"
      : event.altKey && event.key === "ArrowUp" ? "before"
      : event.altKey ? KEYS[event.key.toLowerCase()] : null;
    if (!status) return;
    event.preventDefault();
    event.stopPropagation();
    done(status);
  });
}

function tell(form, message) {
  const problem = form.querySelector(".problem");
  problem.textContent = message;
  problem.hidden = false;
}
