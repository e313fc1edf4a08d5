// NIfTI-1 files as our own server sends them: little-endian, one file, three axes.

const TYPES = { 2: Uint8Array, 4: Int16Array, 16: Float32Array, 512: Uint16Array };
const HEADER_BYTES = 348;

/**
 * Read a file. The voxels are a view of its bytes where their place in the file allows it: a mask
 * that is edited is then the file that goes back, its header untouched.
 *
 * @param {ArrayBuffer} buffer
 * @returns {{shape: number[], values: ArrayLike<number>, slope: number, intercept: number}}
 */
export function readNifti(buffer) {
  const header = new DataView(buffer);
  if (buffer.byteLength < HEADER_BYTES || header.getInt32(0, true) !== HEADER_BYTES) {
    throw new Error("The image is no NIfTI-1 file.");
  }
  const shape = [1, 2, 3].map((axis) => header.getInt16(40 + 2 * axis, true));
  const type = header.getInt16(70, true);
  const Values = TYPES[type];
  if (!Values) throw new Error(`The image has NIfTI data type ${type}, which is not shown here.`);
  const start = header.getFloat32(108, true);
  const count = shape[0] * shape[1] * shape[2];
  if (buffer.byteLength < start + count * Values.BYTES_PER_ELEMENT) {
    throw new Error("The image is shorter than its header says.");
  }
  const slope = header.getFloat32(112, true);
  return {
    shape,
    values: new Values(buffer, start, count),
    slope: slope || 1,
    intercept: slope ? header.getFloat32(116, true) : 0,
  };
}

/** Bytes packed with gzip. */
export async function packed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
