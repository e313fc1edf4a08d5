// The grid that is shown: an array in right-front-top order, looked at one acquired slice at a time.

const ENDS = [["R", "L"], ["A", "P"], ["S", "I"]];

export class Grid {
  /**
   * @param {number[]} shape voxels along right, front and top
   * @param {number[]} spacingMm mm between voxels along each
   * @param {number[]} sliceVolumesMm3 volume of one voxel in each acquired slice
   * @param {number} sliceAxis axis along which the acquired slices lie; 2 for an axial stack
   */
  constructor(shape, spacingMm, sliceVolumesMm3, sliceAxis = 2) {
    const strides = [1, shape[0], shape[0] * shape[1]];
    const [across, up] = [0, 1, 2].filter((axis) => axis !== sliceAxis);
    this.shape = shape;
    this.size = shape[0] * shape[1] * shape[2];
    this.sliceVolumesMm3 = sliceVolumesMm3;
    [this.nu, this.nv, this.nw] = [shape[across], shape[up], shape[sliceAxis]];
    [this.su, this.sv, this.sw] = [strides[across], strides[up], strides[sliceAxis]];
    [this.du, this.dv] = [spacingMm[across], spacingMm[up]];
    [this.left, this.right] = ENDS[across];
    [this.top, this.bottom] = ENDS[up];
    this.pixelAreaCm2 = (this.du * this.dv) / 100;
  }

  index(u, v, w) {
    return u * this.su + v * this.sv + w * this.sw;
  }

  /** Array index along right, front and top. */
  voxel(u, v, w) {
    const [i, j] = this.shape;
    const index = this.index(u, v, w);
    return [index % i, Math.floor(index / i) % j, Math.floor(index / (i * j))];
  }

  holds(u, v) {
    return u >= 0 && v >= 0 && u < this.nu && v < this.nv;
  }

  sliceOf(index) {
    return Math.floor(index / this.sw) % this.nw;
  }

  /** Column, row and slice of a flat index. */
  place(index) {
    const of = (stride, n) => Math.floor(index / stride) % n;
    return [of(this.su, this.nu), of(this.sv, this.nv), of(this.sw, this.nw)];
  }
}
