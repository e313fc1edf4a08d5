// The mask that is edited: its labels, how many voxels each slice has, and every step back.

const STEP_BYTES = 6;
const HISTORY_BYTES = 96e6;

/** One undoable step: voxels with their labels before and after. */
class Step {
  constructor(indices, before, after) {
    this.indices = Uint32Array.from(indices);
    this.before = Uint8Array.from(before);
    this.after = Uint8Array.from(after);
    this.bytes = this.indices.length * STEP_BYTES;
  }
}

export class Mask {
  /**
   * @param {Uint8Array} labels 0 nothing, 1 infarct, 2 blood in it; changed in place
   * @param {Grid} grid
   */
  constructor(labels, grid) {
    this.labels = labels;
    this.grid = grid;
    this.revision = 0;
    this.counts = new Uint32Array(grid.nw);
    this.blood = new Uint32Array(grid.nw);
    this._done = [];
    this._undone = [];
    this._stroke = null;
    for (let index = 0; index < labels.length; index++) {
      if (labels[index]) this._count(index, labels[index], 1);
    }
  }

  /** Begin a stroke: what follows until `end` is one step. */
  begin() {
    this._stroke = { indices: [], before: [], after: [] };
  }

  /** Set voxels to one label, or each to its own; returns how many changed. */
  set(indices, value) {
    const stroke = this._stroke;
    const earlier = stroke.indices.length;
    for (let n = 0; n < indices.length; n++) {
      const index = indices[n];
      const label = typeof value === "number" ? value : value[n];
      if (this.labels[index] === label) continue;
      stroke.indices.push(index);
      stroke.before.push(this.labels[index]);
      stroke.after.push(label);
      this._put(index, label);
    }
    if (stroke.indices.length > earlier) this.revision++;
    return stroke.indices.length - earlier;
  }

  /** End a stroke; returns whether it changed anything. */
  end() {
    const { indices, before, after } = this._stroke;
    this._stroke = null;
    if (!indices.length) return false;
    this._done.push(new Step(indices, before, after));
    this._undone = [];
    let bytes = this._done.reduce((sum, step) => sum + step.bytes, 0);
    while (bytes > HISTORY_BYTES && this._done.length > 1) bytes -= this._done.shift().bytes;
    return true;
  }

  /** Make a whole step at once; returns how many voxels changed. */
  change(indices, value) {
    this.begin();
    const changed = this.set(indices, value);
    this.end();
    return changed;
  }

  get isInStroke() {
    return this._stroke !== null;
  }

  /** Take the last step back; returns the slices that it is in, none without a step. */
  undo() {
    const step = this._done.pop();
    if (!step) return [];
    // Backwards: a voxel that a stroke met twice ends as it was before the stroke.
    for (let n = step.indices.length - 1; n >= 0; n--) this._put(step.indices[n], step.before[n]);
    this._undone.push(step);
    this.revision++;
    return this._slicesOf(step);
  }

  /** Make the last undone step again; returns the slices that it is in, none without a step. */
  redo() {
    const step = this._undone.pop();
    if (!step) return [];
    for (let n = 0; n < step.indices.length; n++) this._put(step.indices[n], step.after[n]);
    this._done.push(step);
    this.revision++;
    return this._slicesOf(step);
  }

  get steps() {
    return { back: this._done.length, forth: this._undone.length };
  }

  get volumeMl() {
    return this._volumeMl(this.counts);
  }

  get bloodMl() {
    return this._volumeMl(this.blood);
  }

  /** Area of the mask in a slice, cm². */
  areaCm2(w) {
    return this.counts[w] * this.grid.pixelAreaCm2;
  }

  _slicesOf(step) {
    const slices = new Set();
    for (const index of step.indices) slices.add(this.grid.sliceOf(index));
    return [...slices];
  }

  _volumeMl(counts) {
    return counts.reduce((sum, n, w) => sum + n * this.grid.sliceVolumesMm3[w], 0) / 1000;
  }

  _put(index, label) {
    this._count(index, this.labels[index], -1);
    this.labels[index] = label;
    this._count(index, label, 1);
  }

  _count(index, label, by) {
    if (!label) return;
    const w = this.grid.sliceOf(index);
    this.counts[w] += by;
    if (label === 2) this.blood[w] += by;
  }
}
