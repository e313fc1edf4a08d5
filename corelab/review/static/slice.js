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
 * Outline of what is inside in a slice, in screen mm: u and v from the top left corner.
 *
 * @param {(label: number) => boolean} isInside
 * @returns {Path2D | null} null where nothing is inside
 */
export function outline(labels, grid, w, isInside) {
  const { nu, nv, du, dv } = grid;
  const inside = (u, v) => grid.holds(u, v) && isInside(labels[grid.index(u, v, w)]);
  const path = new Path2D();
  const x = (u) => (nu - u) * du;
  const y = (v) => (nv - v) * dv;
  let edges = 0;
  const draw = (fromX, fromY, toX, toY) => {
    path.moveTo(fromX, fromY);
    path.lineTo(toX, toY);
    edges++;
  };
  // An edge lies between two neighbours of which one is inside; runs of edges are one line.
  for (let v = 0; v <= nv; v++) {
    let start = -1;
    for (let u = 0; u <= nu; u++) {
      const isEdge = u < nu && inside(u, v) !== inside(u, v - 1);
      if (isEdge && start < 0) start = u;
      if (!isEdge && start >= 0) {
        draw(x(start), y(v), x(u), y(v));
        start = -1;
      }
    }
  }
  for (let u = 0; u <= nu; u++) {
    let start = -1;
    for (let v = 0; v <= nv; v++) {
      const isEdge = v < nv && inside(u, v) !== inside(u - 1, v);
      if (isEdge && start < 0) start = v;
      if (!isEdge && start >= 0) {
        draw(x(u), y(start), x(u), y(v));
        start = -1;
      }
    }
  }
  return edges ? path : null;
}
