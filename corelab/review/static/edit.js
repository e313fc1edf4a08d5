// What the tools do to a mask, as pure functions: a grid and places in, flat voxel indices out.

/**
 * Voxels of one slice whose centre is nearer than half the brush to a line between two voxels.
 *
 * @param {Grid} grid
 * @param {number} w slice
 * @param {{u: number, v: number}} from
 * @param {{u: number, v: number}} to
 * @param {number} size diameter of the brush in voxels along u; 1 is the voxel itself
 */
export function line(grid, w, from, to, size) {
  const found = [];
  const radius = size / 2;
  const aspect = grid.dv / grid.du;
  const reach = radius / aspect;
  const range = (a, b, by, n) => [
    Math.max(0, Math.ceil(Math.min(a, b) - by)),
    Math.min(n - 1, Math.floor(Math.max(a, b) + by)),
  ];
  const [firstU, lastU] = range(from.u, to.u, radius, grid.nu);
  const [firstV, lastV] = range(from.v, to.v, reach, grid.nv);
  const along = { u: to.u - from.u, v: (to.v - from.v) * aspect };
  const length2 = along.u ** 2 + along.v ** 2;
  for (let v = firstV; v <= lastV; v++) {
    for (let u = firstU; u <= lastU; u++) {
      const du = u - from.u;
      const dv = (v - from.v) * aspect;
      const share = length2 ? (du * along.u + dv * along.v) / length2 : 0;
      const t = Math.min(1, Math.max(0, share));
      if (Math.hypot(du - t * along.u, dv - t * along.v) < radius) found.push(grid.index(u, v, w));
    }
  }
  return found;
}

/** Those of some voxels whose value in an image lies between two limits, both included. */
export function within(indices, image, low, high) {
  return indices.filter((index) => {
    const value = image.values[index] * image.slope + image.intercept;
    return value >= low && value <= high;
  });
}

/**
 * Voxels of a slice that an outline closes in around a place; null where it is open or the place
 * is on the mask already.
 */
export function enclosed(labels, grid, w, u, v) {
  if (labels[grid.index(u, v, w)]) return null;
  const seen = new Uint8Array(grid.nu * grid.nv);
  const found = [];
  const open = [[u, v]];
  seen[u + v * grid.nu] = 1;
  while (open.length) {
    const [a, b] = open.pop();
    found.push(grid.index(a, b, w));
    for (const [p, q] of [[a - 1, b], [a + 1, b], [a, b - 1], [a, b + 1]]) {
      if (!grid.holds(p, q)) return null;
      const at = p + q * grid.nu;
      if (seen[at] || labels[grid.index(p, q, w)]) continue;
      seen[at] = 1;
      open.push([p, q]);
    }
  }
  return found;
}

/** Every voxel of the piece at an index: what touches by a face, an edge or a corner. */
export function piece(labels, grid, start) {
  if (!labels[start]) return [];
  const seen = new Uint8Array(grid.size);
  const found = [start];
  seen[start] = 1;
  for (let next = 0; next < found.length; next++) {
    const [u, v, w] = grid.place(found[next]);
    for (let c = Math.max(0, w - 1); c <= Math.min(grid.nw - 1, w + 1); c++) {
      for (let b = Math.max(0, v - 1); b <= Math.min(grid.nv - 1, v + 1); b++) {
        for (let a = Math.max(0, u - 1); a <= Math.min(grid.nu - 1, u + 1); a++) {
          const index = grid.index(a, b, c);
          if (seen[index] || !labels[index]) continue;
          seen[index] = 1;
          found.push(index);
        }
      }
    }
  }
  return found;
}

/** What makes slice `to` equal to slice `from`: voxels that differ, and their new labels. */
export function sliceCopy(labels, grid, from, to) {
  const indices = [];
  const values = [];
  for (let v = 0; v < grid.nv; v++) {
    for (let u = 0; u < grid.nu; u++) {
      const index = grid.index(u, v, to);
      const value = labels[grid.index(u, v, from)];
      if (labels[index] === value) continue;
      indices.push(index);
      values.push(value);
    }
  }
  return { indices, values };
}

/** What makes a whole mask equal to another one: voxels that differ, and their new labels. */
export function replacement(labels, others) {
  const indices = [];
  const values = [];
  for (let index = 0; index < labels.length; index++) {
    if (labels[index] === others[index]) continue;
    indices.push(index);
    values.push(others[index]);
  }
  return { indices, values };
}
