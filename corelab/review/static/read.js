// Opens one read: fetches it, builds the screen, and keeps what is drawn and what is saved one.

import { Grid } from "/static/grid.js";
import { explain, listen } from "/static/keys.js";
import { Mask } from "/static/mask.js";
import { packed, readNifti } from "/static/nifti.js";
import { drawPlanes } from "/static/planes.js";
import { Saver } from "/static/saver.js";
import { Screen } from "/static/screen.js";
import { Server, Unreachable } from "/static/server.js";
import { Signing } from "/static/sign.js";
import { Watch } from "/static/watch.js";

const byId = (id) => document.getElementById(id);
const MOST_UNANSWERED = 7;
const RETRIED =
  "It is tried again by itself; after a restart of the server, open its new link in another tab " +
  "and sign in.";
const CLOSED = new Set(["signed", "superseded"]);
const TITLES = { ct: "CT", dwi: "DWI", adc: "ADC", b0: "b0", flair: "FLAIR" };

class Reading {
  constructor(readId) {
    this.server = new Server(readId);
    // Packed masks that were sent and not heard of: each may have been saved.
    this.unanswered = [];
  }

  async open() {
    const me = await this.server.me();
    this.read = await this.server.read();
    const { number, kind } = this.read;
    const name = `${kind === "adjudication" ? "Judgement" : "Read"} ${number}`;
    byId("title").textContent = name;
    document.title = `${name} · corelab`;
    await this._load();
    this._build();
    this.watch = new Watch(this.server, me.idle_s, () => this.saver.retry());
  }

  async _load() {
    const { shape, spacing_mm, slice_volumes_mm3, slice_axis, panels, masks } = this.read;
    this.grid = new Grid(shape, spacing_mm, slice_volumes_mm3, slice_axis);
    const pair = masks.filter(({ name }) => name !== "mask");
    const [mask, images, others] = await Promise.all([
      this.server.mask(),
      Promise.all(panels.map((panel, n) => this._image(panel, n > 0))),
      Promise.all(pair.map(async ({ name, url }) => [name, await this._labels(url)])),
    ]);
    this.edition = mask.edition;
    // The file as it came is the file that goes back: only its labels are changed, in place.
    this.file = mask.buffer;
    this.mask = new Mask(this._onGrid(readNifti(mask.buffer), "mask").values, this.grid);
    this.images = images;
    this.others = new Map(others);
  }

  /** One image; an optional one that the server refuses leaves its place with the reason. */
  async _image({ name, url, low, high, unit }, isOptional) {
    const title = TITLES[name] ?? name;
    try {
      const image = this._onGrid(readNifti(await this.server.image(url)), name);
      return { name, title, unit, image, window: { low, high } };
    } catch (error) {
      if (!isOptional || error instanceof Unreachable) throw error;
      return { name, title, image: null, refusal: error.message };
    }
  }

  /** Labels of one of the two reads; empty where it found the scan not assessable. */
  async _labels(url) {
    if (url === null) return new Uint8Array(this.grid.size);
    const { buffer } = await this.server.mask(url);
    return this._onGrid(readNifti(buffer), "mask").values;
  }

  _onGrid(image, name) {
    const [found, expected] = [image.shape.join(" x "), this.grid.shape.join(" x ")];
    if (found !== expected) {
      throw new Error(`The ${name} has ${found} voxels, expected ${expected}.`);
    }
    return image;
  }

  _build() {
    this.saver = new Saver({
      pack: () => packed(new Uint8Array(this.file.slice(0))),
      send: (bytes) => this._send(bytes),
      settleStale: () => this._settleStale(),
      regain: (refusal) => this._regain(refusal),
      show: (state) => this._showSaving(state),
    });
    this.screen = new Screen({
      grid: this.grid,
      images: this.images,
      mask: this.mask,
      others: this.others,
      results: new Map(this.read.masks.map(({ name, result }) => [name, result])),
      edited: () => this.saver.touch(),
      sign: () => this.signing.focus(),
    });
    this.signing = new Signing(this.read, {
      server: this.server,
      saved: async () => ((await this.saver.settled()) ? this.edition : null),
      signed: (answer) => this._signed(answer),
      hold: () => this.screen.hold(),
      letGo: () => this.screen.letGo(),
      amending: () => location.reload(),
    });
    this._showState();
    this._listen();
  }

  _showState() {
    const { state, version, automatic } = this.read;
    const isClosed = CLOSED.has(state);
    this.screen.isEditable = !isClosed;
    // The number of the automatic mask would lead the reader; from the first edit on it is theirs.
    this.screen.isVolumeShown = isClosed || this.edition > 0 || (automatic?.shown ?? false);
    document.body.classList.toggle("closed", isClosed);
    for (const id of ["sign", "tools"]) byId(id).hidden = isClosed;
    byId("signed").hidden = state !== "signed";
    byId("amend").hidden = state !== "signed";
    byId("signed-text").textContent = told(this.read.signed, version);
    this._showRange(automatic);
    this._showSaving({ kind: isClosed ? "closed" : "saved" });
    this.screen.invalidate();
  }

  _showRange(automatic) {
    const isShown = automatic?.shown && automatic.low_ml !== undefined && automatic.low_ml !== null;
    byId("range").hidden = !isShown;
    if (!isShown) return;
    const [low, high] = [automatic.low_ml, automatic.high_ml].map((ml) => ml.toFixed(1));
    byId("range").textContent = `Automatic range: ${low} to ${high} mL`;
  }

  _listen() {
    explain(byId("help-keys"));
    const own = {
      toggleHelp: () => toggle(byId("help")),
      togglePlanes: () => this._togglePlanes(),
      leave: () => {},
    };
    listen((name, ...values) => {
      this.screen.finish();
      if (own[name]) own[name]();
      else this.screen[name](...values);
    });
    byId("help-button").addEventListener("click", () => toggle(byId("help")));
    byId("planes-button").addEventListener("click", () => this._togglePlanes());
    byId("retry").addEventListener("click", () => this.saver.retry());
    addEventListener("beforeunload", (event) => {
      if (this.saver.isUnsaved || this.mask.isInStroke) event.preventDefault();
    });
    addEventListener("pagehide", () => this.saver.retry());
    document.addEventListener("visibilitychange", () => this.saver.retry());
  }

  // ---- saving

  async _send(bytes) {
    this.unanswered = [...this.unanswered.slice(-MOST_UNANSWERED), bytes];
    const answer = await this.server.save(bytes, this.edition);
    this.edition = answer.edition;
    this.unanswered = [];
  }

  /** Another window saved this read: ask whose mask counts, keep the other one as a step back. */
  async _settleStale() {
    const { buffer, edition } = await this.server.mask();
    const theirs = this._onGrid(readNifti(buffer), "mask").values;
    this.edition = edition;
    // What was saved, and its answer lost, comes back as our own.
    const isOurs = await Promise.all(this.unanswered.map((bytes) => isSame(bytes, buffer)));
    this.unanswered = [];
    if (isOurs.includes(true)) return;
    this.screen.finish();
    const mine = this.mask.labels.slice();
    const choice = await this._ask();
    this.screen.become(theirs, "This is the mask of the other window; u brings yours back.");
    if (choice === "keep-mine") {
      this.screen.become(mine, "This is the mask of this window; u brings the other one.");
    }
  }

  _ask() {
    const dialog = byId("stale");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
    return new Promise((resolve) => {
      for (const id of ["keep-mine", "take-other"]) {
        byId(id).onclick = () => {
          dialog.close();
          resolve(id);
        };
      }
    });
  }

  async _regain(refusal) {
    if (refusal.code === "idle") return this.watch.lock();
    // Logged in again in another window: this page goes on by itself.
    try {
      await this.server.me();
    } catch {
      // The state of saving tells it already.
    }
  }

  _showSaving({ kind, message = "", strokes = 0, isRetried = false }) {
    const words = { saved: "✓ Saved", saving: "… Saving", unsaved: "NOT SAVED", closed: "Read only" };
    byId("saving").textContent = words[kind];
    byId("saving").dataset.kind = kind;
    // While a lost save is tried again, the alarm stays until it succeeded.
    if (kind === "saving") return;
    byId("alarm").hidden = kind !== "unsaved";
    const changes = `${strokes} ${strokes === 1 ? "change is" : "changes are"} only here.`;
    byId("alarm-text").textContent =
      `${message} Keep this page open: ${changes} ${isRetried ? RETRIED : ""}`;
    document.body.classList.toggle("unsaved", kind === "unsaved");
  }

  // ---- signing

  async _signed(answer) {
    const read = await this.server.read().catch(() => null);
    this.read = read ?? { ...this.read, state: "signed", version: answer.version };
    this.read.automatic = answer.automatic;
    this._showState();
    byId("signed").scrollIntoView({ block: "nearest" });
    byId("signed").querySelector("a").focus();
  }

  // ---- three planes

  async _togglePlanes() {
    const dialog = byId("planes");
    if (dialog.open) return dialog.close();
    dialog.showModal();
    const state = byId("planes-state");
    state.textContent = "Drawing …";
    const canvas = document.createElement("canvas");
    byId("planes-box").replaceChildren(canvas);
    const { main, view } = this.screen;
    const voxel = this.grid.voxel(Math.round(view.cursor.u), Math.round(view.cursor.v), view.slice);
    try {
      const end = await drawPlanes(canvas, {
        image: main.image,
        labels: this.mask.labels,
        shape: this.grid.shape,
        spacingMm: this.read.spacing_mm,
        window: main.window,
        voxel,
      });
      dialog.addEventListener("close", end, { once: true });
      if (!dialog.open) end();
      state.textContent = `${main.title}; click or drag to move the planes.`;
    } catch (error) {
      state.textContent = `The three planes cannot be drawn here: ${error.message}`;
    }
  }
}

/** What was signed, in words. */
function told(signed, version) {
  const kept = "It is never overwritten.";
  if (!signed) return `Version ${version} is signed. ${kept}`;
  if (signed.result === "no_infarct") return `Version ${version}: no infarct, 0 mL. ${kept}`;
  if (signed.result === "not_assessable") return `Version ${version}: not assessable. ${kept}`;
  return `Version ${version}: infarct, ${signed.infarct_volume_ml.toFixed(2)} mL. ${kept}`;
}

function toggle(dialog) {
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

/** Whether packed bytes hold the same file as a buffer. */
async function isSame(gzipped, buffer) {
  const stream = new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  const mine = new Uint8Array(await new Response(stream).arrayBuffer());
  const theirs = new Uint8Array(buffer);
  return mine.length === theirs.length && mine.every((byte, at) => byte === theirs[at]);
}

function show(error) {
  byId("saving").textContent = "Not opened";
  byId("saving").dataset.kind = "unsaved";
  byId("note").textContent = error.message;
  document.body.classList.add("failed");
  if (!(error instanceof Unreachable)) console.error(error);
}

/** Exported for whoever looks from outside, as tests do. */
export const reading = new Reading(location.pathname.split("/").pop());
reading.open().then(() => document.body.classList.add("ready"), show);
