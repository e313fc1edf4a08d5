// One slice as the screen draws it: pixels, and the outline of a mask along voxel edges.

/**
 * Paint a slice of an image through a window; the screen's left is the patient's right.
 *
 * @param {ImageData} pixels nu x nv
 * @param {{values: ArrayLike<number>, slope: number, intercept: number}} image
 * @param {Grid} grid
 * @param {number} w slice
 * @param {{low: number, high: number}} window
 */
export function paintSlice(pixels, image, grid, w, window) {
  const out = new Uint32Array(pixels.data.buffer);
  const scale = 255 / (window.high - window.low || 1);
  const factor = image.slope * scale;
  const offset = (image.intercept - window.low) * scale + 0.5;
  const { nu, nv, su } = grid;
  for (let v = 0; v < nv; v++) {
    let at = (nv - 1 - v) * nu + nu - 1;
    let index = grid.index(0, v, w);
    for (let u = 0; u < nu; u++, at--, index += su) {
      const value = image.values[index] * factor + offset;
      // A value that is no number is drawn black.
      const grey = value > 255 ? 255 : value > 0 ? value | 0 : 0;
      out[at] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
  }
}

/** Paint the labels of a slice in their colours (RGBA as little-endian numbers), else nothing. */
export function paintLabels(pixels, labels, grid, w, colours) {
  const out = new Uint32Array(pixels.data.buffer);
  const { nu, nv, su } = grid;
  for (let v = 0; v < nv; v++) {
    let at = (nv - 1 - v) * nu + nu - 1;
    let index = grid.index(0, v, w);
    for (let u = 0; u < nu; u++, at--, index += su) out[at] = colours[labels[index]];
  }
}

/**
 * Outline of what is inside in a slice, in screen mm: x and y from the top left corner.
 *
 * @param {(label: number) => boolean} isInside
 * @returns {Path2D | null} null where nothing is inside
 */
export function outline(labels, grid, w, isInside) {
  const { nu, nv, du, dv } = grid;
  const { inside, box } = plane(labels, grid, w, [0, 1, 2].map(isInside));
  if (!box) return null;
  const path = new Path2D();
  const corners = nu + 1;
  for (const loop of loops(edges(inside, box, nu))) {
    loop.forEach((corner, n) => {
      const x = (nu - (corner % corners)) * du;
      const y = (nv - Math.floor(corner / corners)) * dv;
      if (n) path.lineTo(x, y);
      else path.moveTo(x, y);
    });
    path.closePath();
  }
  return path;
}

/** Every edge between inside and outside, from corner to corner, the inside on its left. */
function edges(inside, box, nu) {
  const width = nu + 2;
  const from = new Map();
  const add = (start, end) => {
    if (from.has(start)) from.get(start).push(end);
    else from.set(start, [end]);
  };
  for (let v = box.v[0]; v <= box.v[1]; v++) {
    for (let u = box.u[0]; u <= box.u[1]; u++) {
      const at = u + 1 + (v + 1) * width;
      if (!inside[at]) continue;
      const low = u + v * (nu + 1);
      const high = low + nu + 1;
      if (!inside[at - width]) add(low, low + 1);
      if (!inside[at + 1]) add(low + 1, high + 1);
      if (!inside[at + width]) add(high + 1, high);
      if (!inside[at - 1]) add(high, low);
    }
  }
  return from;
}

/** Join edges to closed lines that name a corner only where they turn. */
function* loops(from) {
  while (from.size) {
    const [start] = from.keys();
    const loop = [];
    let [here, step] = [start, 0];
    do {
      const ends = from.get(here);
      const next = ends.pop();
      if (!ends.length) from.delete(here);
      if (next - here !== step) loop.push(here);
      [here, step] = [next, next - here];
    } while (here !== start);
    yield loop;
  }
}

/** What is inside in a slice, with a margin of one voxel, and the box that holds it. */
function plane(labels, grid, w, isInside) {
  const { nu, nv, su } = grid;
  const inside = new Uint8Array((nu + 2) * (nv + 2));
  const box = { u: [nu, -1], v: [nv, -1] };
  for (let v = 0; v < nv; v++) {
    let index = grid.index(0, v, w);
    let at = 1 + (v + 1) * (nu + 2);
    for (let u = 0; u < nu; u++, at++, index += su) {
      if (!isInside[labels[index]]) continue;
      inside[at] = 1;
      if (u < box.u[0]) box.u[0] = u;
      if (u > box.u[1]) box.u[1] = u;
      if (v < box.v[0]) box.v[0] = v;
      box.v[1] = v;
    }
  }
  return { inside, box: box.v[1] < 0 ? null : box };
}
