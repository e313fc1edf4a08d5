// Three planes at once, drawn by NiiVue. It is fetched when it is first asked for: the reader's
// slices need neither it nor WebGL.

const COLOURS = { R: [0, 255, 86], G: [0, 159, 180], B: [0, 28, 233], A: [0, 255, 255], I: [0, 1, 2] };
const MOST_VOXELS_ALONG = 256;
const UINT8 = 2;

/**
 * Draw an image and a mask through a voxel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {object} what
 * @param {{values: ArrayLike<number>, slope: number, intercept: number}} what.image
 * @param {Uint8Array} what.labels on the image's grid
 * @param {number[]} what.shape
 * @param {number[]} what.spacingMm
 * @param {{low: number, high: number}} what.window
 * @param {number[]} what.voxel where the planes cross
 * @returns {Promise<() => void>} what to call when they are not looked at any more
 */
export async function drawPlanes(canvas, { image, labels, shape, spacingMm, window, voxel }) {
  const { NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } = await import("/static/vendor/niivue.js");
  const viewer = new Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [1, 1, 1, 0.6],
    isRadiologicalConvention: true,
    logLevel: "silent",
    // A fourth tile in 3-D takes seconds a frame without a graphics card.
    multiplanarShowRender: SHOW_RENDER.NEVER,
    sagittalNoseLeft: true,
    viewModeHotKey: "",
    clipPlaneHotKey: "",
  });
  await viewer.attachToCanvas(canvas);
  viewer.setSliceType(SLICE_TYPE.MULTIPLANAR);
  viewer.setDrawColormap(COLOURS);
  viewer.drawOpacity = 0.5;
  // NiiVue works seconds on a large grid that is drawn in software: every second voxel will do
  // to look at planes that are a few hundred pixels wide.
  const steps = shape.map((n) => (n > MOST_VOXELS_ALONG ? 2 : 1));
  const thin = shape.map((n, axis) => Math.ceil(n / steps[axis]));
  const scale = 255 / (window.high - window.low || 1);
  const grey = (index) => (image.values[index] * image.slope + image.intercept - window.low) * scale;
  const file = await NVImage.createNiftiArray(
    thin,
    spacingMm.map((mm, axis) => mm * steps[axis]),
    diagonal(spacingMm.map((mm, axis) => mm * steps[axis])),
    UINT8,
    new Uint8Array(thinned(Uint8ClampedArray, shape, steps, grey).buffer),
  );
  const shown = await NVImage.loadFromUrl({ url: file, name: "image.nii" });
  viewer.addVolume(Object.assign(shown, { cal_min: 0, cal_max: 255 }));
  // Set as it is: the image's axes run right, front and top already, so that indices agree.
  // NiiVue's own way of loading a drawing turns it voxel by voxel and takes seconds.
  viewer.createEmptyDrawing();
  viewer.drawBitmap = thinned(Uint8Array, shape, steps, (index) => labels[index]);
  viewer.refreshDrawing(false);
  viewer.scene.crosshairPos = voxel.map((at, axis) => (at + 0.5) / shape[axis]);
  viewer.drawScene();
  // Browsers keep few WebGL contexts: each is given back.
  return () => viewer.gl.getExtension("WEBGL_lose_context")?.loseContext();
}

/** Every voxel, or every second one along an axis. */
function thinned(Values, shape, [stepI, stepJ, stepK], valueAt) {
  const [ni, nj, nk] = shape;
  const found = new Values(Math.ceil(ni / stepI) * Math.ceil(nj / stepJ) * Math.ceil(nk / stepK));
  let at = 0;
  for (let k = 0; k < nk; k += stepK) {
    for (let j = 0; j < nj; j += stepJ) {
      for (let i = 0; i < ni; i += stepI) found[at++] = valueAt(i + ni * (j + nj * k));
    }
  }
  return found;
}

function diagonal([x, y, z]) {
  return [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1];
}
