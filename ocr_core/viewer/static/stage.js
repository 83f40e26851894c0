// The image of a page: zoom and pan, and its lines linked with the text beside it.

const CLOSEST = 6; // screen pixels for a pixel of the page
const FOCUS = 0.82; // of the width of the stage that a line is given when it is gone to,
const FOCUS_HEIGHT = 0.1; // and of its height

export class Stage {
  constructor(root) {
    this.stage = root.querySelector(".stage");
    this.sheet = root.querySelector(".sheet");
    this.text = root.querySelector(".text");
    this.page = { width: Number(this.sheet.dataset.width), height: Number(this.sheet.dataset.height) };
    this.held = new Map();
    this.turn(Number(this.sheet.dataset.rotation));
    this.fit();
    this.listen();
  }

  // -- clockwise, by quarter turns: lines are stored as the page lies in its file

  turn(rotation) {
    const { width, height } = this.page;
    const upright = rotation % 180 === 0;
    this.rotation = rotation;
    this.width = upright ? width : height;
    this.height = upright ? height : width;
    Object.assign(this.sheet.style, { width: `${this.width}px`, height: `${this.height}px` });
    const to = { 0: [0, 0], 90: [height, 0], 180: [width, height], 270: [0, width] }[rotation];
    Object.assign(this.sheet.firstElementChild.style, {
      width: `${width}px`, height: `${height}px`, transform: `translate(${to[0]}px, ${to[1]}px) rotate(${rotation}deg)`,
    });
  }

  turned([x0, y0, x1, y1]) {
    const { width, height } = this.page;
    return { 0: [x0, y0, x1, y1], 90: [height - y1, x0, height - y0, x1],
      180: [width - x1, height - y1, width - x0, height - y0], 270: [y0, width - x1, y1, width - x0] }[this.rotation];
  }

  // -- where it stands: a point (x, y) of the turned page is at (left + scale x, top + scale y) of the stage

  show(smooth = false) {
    this.sheet.classList.toggle("smooth", smooth);
    this.sheet.style.transform = `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
  }

  get size() {
    return this.stage.getBoundingClientRect();
  }

  fit(smooth) {
    const { width, height } = this.size;
    this.scale = Math.min((width - 32) / this.width, (height - 32) / this.height);
    this.left = (width - this.scale * this.width) / 2;
    this.top = (height - this.scale * this.height) / 2;
    this.way = "fit";
    this.show(smooth);
  }

  wide(smooth) {
    const { width } = this.size;
    this.scale = (width - 24) / this.width;
    this.left = 12;
    this.top = 12;
    this.way = "wide";
    this.show(smooth);
  }

  zoom(by, x = this.size.width / 2, y = this.size.height / 2, smooth = false) {
    const scale = Math.min(CLOSEST, Math.max(this.scale * by, 40 / this.width));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.way = "free";
    this.keep();
    this.show(smooth);
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.way = "free";
    this.keep();
    this.show();
  }

  keep() {
    // Some of the page always stays in sight.
    const { width, height } = this.size;
    const least = 60;
    this.left = Math.min(width - least, Math.max(least - this.scale * this.width, this.left));
    this.top = Math.min(height - least, Math.max(least - this.scale * this.height, this.top));
  }

  goTo(box) {
    const { width, height } = this.size;
    const [x0, y0, x1, y1] = box;
    this.scale = Math.min((FOCUS * width) / (x1 - x0), Math.max((FOCUS_HEIGHT * height) / (y1 - y0), (width - 24) / this.width));
    this.left = width / 2 - (this.scale * (x0 + x1)) / 2;
    this.top = height * 0.42 - (this.scale * (y0 + y1)) / 2;
    this.way = "free";
    this.show(true);
  }

  reveal(box) {
    // Only as far as needed to see the line.
    const { width, height } = this.size;
    const left = this.left + this.scale * box[0], right = this.left + this.scale * box[2];
    const top = this.top + this.scale * box[1], bottom = this.top + this.scale * box[3];
    if (top >= 8 && bottom <= height - 70 && (right - left > width || (left >= 0 && right <= width))) return;
    this.top += height / 2 - (top + bottom) / 2;
    if (right - left <= width) this.left += Math.max(0, 12 - left) - Math.max(0, right + 12 - width);
    this.show(true);
  }

  // -- lines

  both(number) {
    return [
      this.text?.querySelector(`[data-line="${number}"]`),
      this.sheet.querySelector(`.outline[data-line="${number}"]`),
    ].filter(Boolean);
  }

  light(number) {
    for (const each of [this.text, this.sheet])
      for (const lit of each?.querySelectorAll(".lit") ?? []) lit.classList.remove("lit");
    if (number) for (const each of this.both(number)) each.classList.add("lit");
  }

  get chosen() {
    return this.text?.querySelector(".chosen") ?? null;
  }

  choose(number, { scroll = false, look = "reveal" } = {}) {
    for (const each of [this.text, this.sheet])
      for (const old of each?.querySelectorAll(".chosen") ?? []) old.classList.remove("chosen");
    const [item, outline] = this.both(number);
    for (const each of [item, outline]) each?.classList.add("chosen");
    if (!item) return;
    if (scroll) item.scrollIntoView({ block: "nearest" });
    const box = this.turned(item.dataset.box.split(",").map(Number));
    if (look === "goTo") this.goTo(box);
    else if (look === "reveal") this.reveal(box);
    history.replaceState(null, "", `#l${number}`);
  }

  step(by) {
    const items = [...this.text.querySelectorAll(".line")];
    const at = items.indexOf(this.chosen);
    const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (next) this.choose(next.dataset.line, { scroll: true });
  }

  // -- hands

  listen() {
    const { stage } = this;
    stage.querySelector(".tools").addEventListener("click", (event) => this.do(event.target.dataset.do));
    const image = stage.querySelector("img");
    const gone = () => {
      stage.querySelector(".gone").hidden = false;
      image.hidden = true;
    };
    image.addEventListener("error", gone);
    if (image.complete && !image.naturalWidth) gone(); // it failed before anybody listened
    new ResizeObserver(() => {
      if (this.way !== "free") this[this.way]();
    }).observe(stage);

    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const step = event.deltaMode ? 24 : 1;
      if (event.ctrlKey || event.metaKey)
        this.zoom(Math.exp(-event.deltaY * step * 0.006), event.clientX - this.size.left, event.clientY - this.size.top);
      else this.pan(-event.deltaX * step, -event.deltaY * step);
    }, { passive: false });

    stage.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest(".tools")) return;
      stage.setPointerCapture(event.pointerId);
      this.held.set(event.pointerId, event);
      this.moved = 0;
      this.under = event.target.closest(".outline")?.dataset.line;
    });
    stage.addEventListener("pointermove", (event) => {
      const before = this.held.get(event.pointerId);
      if (!before) {
        this.light(event.target.closest?.(".outline")?.dataset.line);
        return;
      }
      const [one, other] = [...this.held.values()];
      this.held.set(event.pointerId, event);
      stage.classList.add("held");
      if (other) {
        const still = one.pointerId === event.pointerId ? other : one;
        const far = (a) => Math.hypot(a.clientX - still.clientX, a.clientY - still.clientY);
        this.zoom(far(event) / Math.max(1, far(before)), (event.clientX + still.clientX) / 2 - this.size.left,
          (event.clientY + still.clientY) / 2 - this.size.top);
      } else this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
      this.moved += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
    });
    const release = (event) => {
      if (!this.held.delete(event.pointerId)) return;
      if (!this.held.size) stage.classList.remove("held");
      if (event.type === "pointerup" && this.moved < 5 && this.under)
        this.choose(this.under, { scroll: true, look: "" });
    };
    stage.addEventListener("pointerup", release);
    stage.addEventListener("pointercancel", release);
    stage.addEventListener("pointerleave", () => this.light(null));
    stage.addEventListener("dblclick", (event) => {
      if (!event.target.closest(".tools"))
        this.zoom(event.shiftKey ? 0.5 : 2, event.clientX - this.size.left, event.clientY - this.size.top, true);
    });

    this.text?.addEventListener("pointerover", (event) => this.light(event.target.closest(".line")?.dataset.line));
    this.text?.addEventListener("pointerleave", () => this.light(null));
    this.text?.addEventListener("click", (event) => {
      const line = event.target.closest(".line");
      if (!line || event.target.closest("button, textarea, .editor")) return;
      if (event.target.closest(".number")) event.preventDefault();
      if (String(getSelection())) return; // someone copies text
      this.choose(line.dataset.line);
    });
  }

  do(what) {
    if (what === "in") this.zoom(1.3, undefined, undefined, true);
    else if (what === "out") this.zoom(1 / 1.3, undefined, undefined, true);
    else if (what === "fit" || what === "wide") this[what](true);
    else if (what === "turn") {
      this.turn((this.rotation + 90) % 360);
      this.fit();
    } else if (what === "lines") {
      const bare = this.stage.classList.toggle("bare");
      this.stage.querySelector("[data-do=lines]").setAttribute("aria-pressed", String(!bare));
    }
  }
}
