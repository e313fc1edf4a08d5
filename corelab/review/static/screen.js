// The reader's screen: what is looked at, what is edited, and every way to ask for it.

import { enclosed, line, piece, replacement, sliceCopy, within } from "/static/edit.js";
import { Mask } from "/static/mask.js";
import { Layer, Panel } from "/static/panel.js";

const byId = (id) => document.getElementById(id);
// Told apart by the colour-blind too (Okabe and Ito), and by their dashes.
const INFARCT = { colour: "#ff9f1c", dash: [], isInside: (label) => label > 0 };
const BLOOD = { colour: "#56b4e9", dash: [4, 3], isInside: (label) => label === 2 };
const FIRST = { colour: "#f0e442", dash: [], isInside: (label) => label > 0 };
const SECOND = { colour: "#e58fc5", dash: [7, 4], isInside: (label) => label > 0 };
const CT_WINDOWS = [
  ["Stroke 40/40", { low: 20, high: 60 }],
  ["Brain 80/40", { low: 0, high: 80 }],
  ["Bone 2000/500", { low: -500, high: 1500 }],
];
const LARGEST_BRUSH = 80;
const TOOLS_THAT_DRAG = new Set(["brush", "eraser", "limit"]);
const PAIR_VIEWS = [
  ["A and B", ["A", "B"]],
  ["A", ["A"]],
  ["B", ["B"]],
  ["neither", []],
];

/** Windows on the keys 1 to 3. */
function presets(name, { low, high }) {
  if (name === "ct") return CT_WINDOWS;
  const reach = high - low;
  return [
    ["As delivered", { low, high }],
    ["Brighter", { low, high: low + 0.6 * reach }],
    ["Wider", { low, high: low + 1.6 * reach }],
  ];
}

export class Screen {
  /**
   * @param {object} what
   * @param {Grid} what.grid
   * @param {{name: string, title: string, unit: string, image: object, window: object}[]} what.images
   * @param {Mask} what.mask
   * @param {Map<string, Uint8Array>} what.others masks that are shown beside it, by name
   * @param {Map<string, string>} what.results what the reads of those masks found
   * @param {() => void} what.edited called after every step
   * @param {() => void} what.sign brings the reader to the signature
   */
  constructor({ grid, images, mask, others, results, edited, sign }) {
    Object.assign(this, { grid, mask, others, _edited: edited, goSign: sign });
    this._own = new Layer(mask.labels, [INFARCT, BLOOD]);
    this._layersOf = new Map(
      [["A", FIRST], ["B", SECOND]]
        .filter(([name]) => others.has(name))
        .map(([name, line]) => [name, new Layer(others.get(name), [line])]),
    );
    this.isEditable = true;
    this.isHeld = false;
    this.isVolumeShown = true;
    this.view = {
      slice: this._largest() ?? Math.floor(grid.nw / 2),
      zoom: 1,
      panXMm: 0,
      panYMm: 0,
      cursor: { u: Math.floor(grid.nu / 2), v: Math.floor(grid.nv / 2) },
      brush: 8,
      isMaskShown: true,
      isFilled: false,
    };
    this.tool = "brush";
    this.label = 1;
    this._pairView = 0;
    this._seen = new Set();
    this._absent = images.filter(({ image }) => !image);
    this.panels = images.filter(({ image }) => image).map(({ name, title, image, window, unit }) => {
      const panel = new Panel(title, image, grid, { ...presets(name, window)[0][1] });
      return Object.assign(panel, { name, unit, presets: presets(name, window) });
    });
    this.main = this.panels[0];
    this._build();
    this._buildPair(results);
    this.resize();
  }

  _build() {
    byId("panels").append(...this.panels.map((panel) => panel.element), ...this._absent.map(absence));
    byId("panels").dataset.count = String(byId("panels").children.length);
    for (const panel of this.panels) this._listen(panel);
    byId("strip").addEventListener("pointerdown", (event) => this._pickSlice(event));
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this._useTool(button.dataset.tool));
    }
    for (const button of document.querySelectorAll("[data-label]")) {
      button.addEventListener("click", () => this._useLabel(Number(button.dataset.label)));
    }
    for (const [id, name] of [
      ["undo", "undo"], ["redo", "redo"], ["copy-up", "copyUp"], ["copy-down", "copyDown"],
      ["mask-button", "toggleMask"], ["fill-button", "toggleFill"],
    ]) byId(id).addEventListener("click", () => this[name]());
    byId("windows").append(
      ...this.main.presets.map(([name], n) => {
        const button = document.createElement("button");
        const key = document.createElement("kbd");
        key.textContent = String(n + 1);
        Object.assign(button, { type: "button", textContent: `${name} ` });
        button.append(key);
        button.addEventListener("click", () => this._useWindow(n));
        return button;
      }),
    );
    byId("brush").addEventListener("change", (event) => this._useBrush(event.target.valueAsNumber));
    byId("areas").parentElement.addEventListener("toggle", () => this._drawAreas());
    byId("limit-image").append(...this.panels.map((panel) => new Option(panel.title, panel.name)));
    byId("limit-image").addEventListener("change", () => this._suggestLimits());
    this._suggestLimits();
    new ResizeObserver(() => this.resize()).observe(byId("panels"));
    this._useTool("brush");
    this._useLabel(1);
    this._useBrush(this.view.brush);
  }

  _buildPair(results) {
    byId("pair").hidden = !this.others.size;
    byId("pair-results").textContent = [...this.others.keys()]
      .map((name) => `${name}: ${results.get(name).replaceAll("_", " ")}`)
      .join(", ");
    byId("pair-views").append(
      ...PAIR_VIEWS.map(([name, shown], n) => {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", textContent: name });
        if (shown.length === 1) button.prepend(swatch(shown[0]));
        button.addEventListener("click", () => this._showPair(n));
        return button;
      }),
    );
    for (const button of document.querySelectorAll("[data-start]")) {
      if (this.others.has(button.dataset.start)) button.prepend(swatch(button.dataset.start));
      const labels = this.others.get(button.dataset.start) ?? new Uint8Array(this.grid.size);
      button.addEventListener("click", () => {
        if (this._mayEdit()) this.become(labels, `The mask starts from ${button.dataset.start}.`);
      });
    }
    this._showPair(0);
  }

  // ---- drawing

  resize() {
    for (const panel of this.panels) panel.resize();
    const strip = byId("strip");
    strip.height = strip.clientHeight;
    this.invalidate();
  }

  /** Draw soon, once for all that changes until then. */
  invalidate() {
    if (this._isAwaited) return;
    this._isAwaited = true;
    requestAnimationFrame(() => {
      this._isAwaited = false;
      this.draw();
    });
  }

  draw() {
    this._own.revision = this.mask.revision;
    const names = PAIR_VIEWS[this._pairView][1];
    const others = names.filter((name) => this._layersOf.has(name));
    const layers = [this._own, ...others.map((name) => this._layersOf.get(name))];
    for (const panel of this.panels) {
      if (panel.element.clientWidth) panel.draw(this.view, layers);
    }
    this._seen.add(this.view.slice);
    this._drawStrip();
    this._drawNumbers();
  }

  _drawStrip() {
    const strip = byId("strip");
    const context = strip.getContext("2d");
    const { nw } = this.grid;
    const height = strip.height / nw;
    const most = Math.max(1, ...this.mask.counts);
    context.clearRect(0, 0, strip.width, strip.height);
    for (let w = 0; w < nw; w++) {
      const y = (nw - 1 - w) * height;
      const isHere = w === this.view.slice;
      context.fillStyle = isHere ? "#f2f2f2" : this._seen.has(w) ? "#8a9099" : "#33363b";
      context.fillRect(0, y + height * 0.15, isHere ? strip.width : 4, Math.max(1, height * 0.7));
      if (!this.mask.counts[w]) continue;
      context.fillStyle = INFARCT.colour;
      const length = (strip.width - 6) * (this.mask.counts[w] / most);
      context.fillRect(5, y + height * 0.15, Math.max(2, length), Math.max(1, height * 0.7));
    }
  }

  _drawNumbers() {
    const { mask, view } = this;
    const unseen = this.grid.nw - this._seen.size;
    byId("unseen").textContent = unseen ? `${unseen} slices were not shown yet.` : "";
    const key = `${mask.revision} ${view.slice} ${this.isVolumeShown}`;
    if (key === this._numbersKey) return;
    this._numbersKey = key;
    byId("undo").disabled = !mask.steps.back;
    byId("redo").disabled = !mask.steps.forth;
    byId("numbers").classList.toggle("covered", !this.isVolumeShown);
    if (!this.isVolumeShown) {
      byId("volume").textContent = "volume after your first edit";
      return;
    }
    byId("volume").textContent = `${mask.volumeMl.toFixed(2)} mL`;
    byId("to-sign").textContent = `The mask holds ${mask.volumeMl.toFixed(2)} mL.`;
    byId("blood").textContent = mask.bloodMl ? `of it blood: ${mask.bloodMl.toFixed(2)} mL` : "";
    byId("area").textContent = `This slice: ${mask.areaCm2(view.slice).toFixed(2)} cm²`;
    if (byId("areas").parentElement.open) this._drawAreas();
  }

  _drawAreas() {
    const rows = [];
    for (let w = this.grid.nw - 1; w >= 0; w--) {
      if (!this.mask.counts[w]) continue;
      const row = document.createElement("li");
      const button = document.createElement("button");
      Object.assign(button, {
        type: "button",
        textContent: `${w + 1}: ${this.mask.areaCm2(w).toFixed(2)} cm²`,
      });
      button.addEventListener("click", () => this.goTo(w));
      row.append(button);
      rows.push(row);
    }
    byId("areas").replaceChildren(...rows);
  }

  say(words) {
    byId("note").textContent = words;
  }

  // ---- looking

  goTo(slice) {
    this.view.slice = Math.min(this.grid.nw - 1, Math.max(0, slice));
    this.invalidate();
  }

  sliceUp() { this.goTo(this.view.slice + 1); }
  sliceDown() { this.goTo(this.view.slice - 1); }
  slicesUp() { this.goTo(this.view.slice + 5); }
  slicesDown() { this.goTo(this.view.slice - 5); }
  largestSlice() { this.goTo(this._largest() ?? this.view.slice); }
  windowOne() { this._useWindow(0); }
  windowTwo() { this._useWindow(1); }
  windowThree() { this._useWindow(2); }
  zoomIn() { this._zoom(1.25); }
  zoomOut() { this._zoom(0.8); }

  zoomOff() {
    Object.assign(this.view, { zoom: 1, panXMm: 0, panYMm: 0 });
    this.invalidate();
  }

  toggleMask() {
    this.view.isMaskShown = !this.view.isMaskShown;
    byId("mask-button").setAttribute("aria-pressed", String(this.view.isMaskShown));
    this.invalidate();
  }

  toggleFill() {
    this.view.isFilled = !this.view.isFilled;
    byId("fill-button").setAttribute("aria-pressed", String(this.view.isFilled));
    this.invalidate();
  }

  toggleLarge() {
    const isLarge = byId("panels").classList.toggle("large");
    for (const element of byId("panels").children) {
      element.hidden = isLarge && element !== this.main.element;
    }
    this.resize();
  }

  nextPair() {
    if (this.others.size) this._showPair((this._pairView + 1) % PAIR_VIEWS.length);
  }

  moveCursor(u, v) {
    const { cursor } = this.view;
    this.view.cursor = {
      u: Math.min(this.grid.nu - 1, Math.max(0, Math.round(cursor.u) + u)),
      v: Math.min(this.grid.nv - 1, Math.max(0, Math.round(cursor.v) + v)),
    };
    this.invalidate();
  }

  _showPair(n) {
    this._pairView = n;
    press(byId("pair-views").children, (_, at) => at === n);
    this.invalidate();
  }

  _useWindow(n) {
    for (const panel of this.panels) Object.assign(panel.window, panel.presets[n][1]);
    this.invalidate();
  }

  _zoom(factor) {
    this.view.zoom = Math.min(16, Math.max(0.5, this.view.zoom * factor));
    this.invalidate();
  }

  /** Slice with most of the mask; of the first other mask where this one is empty. */
  _largest() {
    const [other] = this.others.values();
    const own = this.mask.counts;
    const counts = own.some(Boolean) || !other ? own : new Mask(other, this.grid).counts;
    const most = Math.max(...counts);
    return most ? counts.indexOf(most) : null;
  }

  // ---- tools

  toolBrush() { this._useTool("brush"); }
  toolEraser() { this._useTool("eraser"); }
  toolLimit() { this._useTool("limit"); }
  toolFill() { this._useTool("fill"); }
  toolRemove() { this._useTool("remove"); }
  nextLabel() { this._useLabel(3 - this.label); }
  brushSmaller() { this._useBrush(this.view.brush - (this.view.brush > 10 ? 4 : 1)); }
  brushLarger() { this._useBrush(this.view.brush + (this.view.brush >= 10 ? 4 : 1)); }

  _useTool(tool) {
    this.tool = tool;
    press(document.querySelectorAll("[data-tool]"), (button) => button.dataset.tool === tool);
    byId("limits").hidden = tool !== "limit";
    this.invalidate();
  }

  _useLabel(label) {
    this.label = label;
    press(document.querySelectorAll("[data-label]"), (one) => Number(one.dataset.label) === label);
  }

  _useBrush(size) {
    this.view.brush = Math.min(LARGEST_BRUSH, Math.max(1, Math.round(size) || 1));
    byId("brush").value = String(this.view.brush);
    this.invalidate();
  }

  _suggestLimits() {
    const panel = this._limitPanel();
    byId("limit-low").value = String(Number(panel.window.low.toPrecision(4)));
    byId("limit-high").value = String(Number(panel.window.high.toPrecision(4)));
  }

  _limitPanel() {
    return this.panels.find((panel) => panel.name === byId("limit-image").value) ?? this.main;
  }

  /** Paint from one place of the slice to another with the tool in hand. */
  _paint(from, to) {
    const { mask, grid, view } = this;
    let indices = line(grid, view.slice, from, to, view.brush);
    if (this.tool === "limit") {
      const [low, high] = ["limit-low", "limit-high"].map((id) => byId(id).valueAsNumber);
      if (Number.isNaN(low + high)) return this.say("Nothing painted: give both limits.");
      indices = within(indices, this._limitPanel().image, low, high);
    }
    if (mask.set(indices, this.tool === "eraser" ? 0 : this.label)) this.invalidate();
  }

  /** Use the tool in hand on one voxel, as a click does. */
  _click(at) {
    const [u, v] = [Math.round(at.u), Math.round(at.v)];
    if (!this.grid.holds(u, v)) return;
    if (this.tool === "fill") this._fill(u, v);
    else if (this.tool === "remove") this._remove(u, v);
    else {
      this.mask.begin();
      this._paint({ u, v }, { u, v });
      this._endStroke();
    }
  }

  _fill(u, v) {
    const found = enclosed(this.mask.labels, this.grid, this.view.slice, u, v);
    if (found) this._change(found, this.label, `Filled ${found.length} voxels.`);
    else this.say("Nothing filled: no closed outline around this place.");
  }

  _remove(u, v) {
    const { mask, grid, view } = this;
    const before = mask.volumeMl;
    const found = piece(mask.labels, grid, grid.index(u, v, view.slice));
    if (!found.length) return this.say("Nothing removed: no piece at this place.");
    this._change(found, 0, "");
    this.say(`Removed a piece of ${(before - mask.volumeMl).toFixed(2)} mL; u brings it back.`);
  }

  dab() {
    if (this._mayEdit()) this._click(this.view.cursor);
  }

  copyUp() { this._copy(1); }
  copyDown() { this._copy(-1); }

  _copy(step) {
    const [from, to] = [this.view.slice, this.view.slice + step];
    if (!this._mayEdit()) return;
    if (to < 0 || to >= this.grid.nw) return this.say("There is no further slice.");
    const { indices, values } = sliceCopy(this.mask.labels, this.grid, from, to);
    this.goTo(to);
    this._change(indices, values, `Slice ${to + 1} now has the mask of slice ${from + 1}.`);
  }

  undo() { this._step(this.mask.undo.bind(this.mask), "Undone."); }
  redo() { this._step(this.mask.redo.bind(this.mask), "Done again."); }

  _step(step, words) {
    if (!this._mayEdit()) return;
    const slices = step();
    if (!slices.length) return this.say("No further step.");
    if (!slices.includes(this.view.slice)) this.goTo(slices[0]);
    this._changed(words);
  }

  /** Take over another mask as one step. */
  become(labels, words) {
    if (!this.isEditable) return;
    this._showMask();
    const { indices, values } = replacement(this.mask.labels, labels);
    this._change(indices, values, words);
  }

  _mayEdit() {
    this.finish();
    this._showMask();
    if (!this.isEditable) this.say("This read is signed: amend it to change its mask.");
    else if (this.isHeld) this.say("This read is being signed: its mask stays as it is.");
    return this.isEditable && !this.isHeld;
  }

  /** Nobody paints what they do not see. */
  _showMask() {
    if (!this.view.isMaskShown) this.toggleMask();
  }

  _change(indices, value, words) {
    if (this.mask.change(indices, value)) this._changed(words);
    else this.say("Nothing to change.");
  }

  _changed(words) {
    this.isVolumeShown = true;
    this.say(words);
    this.invalidate();
    this._edited();
  }

  _endStroke() {
    if (this.mask.end()) this._changed("");
  }

  /** End the stroke in hand, so that what comes next is a step of its own. */
  finish() {
    if (this._drag?.kind !== "stroke") return;
    this._drag.kind = "none";
    this._endStroke();
  }

  /** Let nobody change the mask until it is let go. */
  hold() {
    this.finish();
    this.isHeld = true;
  }

  letGo() {
    this.isHeld = false;
  }

  // ---- mouse and pen

  _listen(panel) {
    const { canvas } = panel;
    canvas.addEventListener("pointerdown", (event) => this._press(panel, event));
    canvas.addEventListener("pointermove", (event) => this._move(panel, event));
    canvas.addEventListener("pointerup", () => this._release());
    canvas.addEventListener("pointercancel", () => this._release());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this._turn(event), { passive: false });
  }

  _press(panel, event) {
    if (this._drag) return;
    event.preventDefault();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    panel.canvas.setPointerCapture(event.pointerId);
    this.main = byId("panels").classList.contains("large") ? this.main : panel;
    const at = panel.place(this.view, event.clientX, event.clientY);
    this.view.cursor = at;
    this._drag = { kind: "none", at, x: event.clientX, y: event.clientY };
    if (event.button === 1) this._drag.kind = "pan";
    else if (event.button === 2) this._drag.kind = "window";
    else if (event.button === 0 && this._mayEdit()) this._begin(at);
    this.invalidate();
  }

  _begin(at) {
    if (!TOOLS_THAT_DRAG.has(this.tool)) return this._click(at);
    this._drag.kind = "stroke";
    this.mask.begin();
    this._paint(at, at);
  }

  _move(panel, event) {
    const drag = this._drag;
    const at = panel.place(this.view, event.clientX, event.clientY);
    this.view.cursor = at;
    if (drag?.kind === "stroke") {
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const next = panel.place(this.view, one.clientX, one.clientY);
        this._paint(drag.at, next);
        drag.at = next;
      }
    } else if (drag) {
      this._pull(panel, drag, event.clientX - drag.x, event.clientY - drag.y);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
    }
    this.invalidate();
  }

  _pull(panel, drag, x, y) {
    if (drag.kind === "pan") {
      const mm = panel.mmPerPixel(this.view);
      this.view.panXMm += x * mm;
      this.view.panYMm += y * mm;
    } else if (drag.kind === "window") {
      const { low, high } = panel.window;
      const width = Math.max((high - low) * (1 + x / 300), 1e-6);
      const level = (low + high) / 2 + (y * (high - low)) / 300;
      Object.assign(panel.window, { low: level - width / 2, high: level + width / 2 });
    }
  }

  _release() {
    this.finish();
    this._drag = null;
  }

  _turn(event) {
    event.preventDefault();
    // A stroke belongs to the slice in which it began.
    if (this._drag) return;
    if (event.ctrlKey) this._zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    else if (event.deltaY) this.goTo(this.view.slice + (event.deltaY < 0 ? 1 : -1));
  }

  _pickSlice(event) {
    const { top, height } = byId("strip").getBoundingClientRect();
    this.goTo(this.grid.nw - 1 - Math.floor(((event.clientY - top) / height) * this.grid.nw));
  }
}

/** What stands in the place of an image that is not there. */
function absence({ title, refusal }) {
  const element = document.createElement("figure");
  element.className = "panel absent";
  element.textContent = `${title}: ${refusal}`;
  return element;
}

function swatch(name) {
  const mark = document.createElement("span");
  mark.className = `swatch pair-${name}`;
  return mark;
}

function press(buttons, isPressed) {
  [...buttons].forEach((button, n) => {
    button.setAttribute("aria-pressed", String(isPressed(button, n)));
  });
}
