// Three planes at once, drawn by NiiVue. It is fetched when it is first asked for: the reader's
// slices need neither it nor WebGL.

const COLOURS = { R: [0, 230, 86], G: [0, 159, 180], B: [0, 0, 233], A: [0, 255, 255], I: [0, 1, 2] };

/**
 * Draw an image and a mask through the slice and the place that the reader looks at.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {object} what
 * @param {ArrayBuffer} what.file the image's file
 * @param {Uint8Array} what.labels on the image's grid
 * @param {number[]} what.shape
 * @param {{low: number, high: number}} what.window
 * @param {number[]} what.voxel where the planes cross
 */
export async function drawPlanes(canvas, { file, labels, shape, window, voxel }) {
  const { NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } = await import("/static/vendor/niivue.js");
  const viewer = new Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [1, 1, 1, 0.6],
    dragMode: 0,
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
  const image = await NVImage.loadFromUrl({ url: file, name: "image.nii" });
  Object.assign(image, { cal_min: window.low, cal_max: window.high });
  viewer.addVolume(image);
  // Set as it is: the image's axes run right, front and top already, so that indices agree.
  // NiiVue's own way of loading a drawing turns it voxel by voxel and takes seconds.
  viewer.createEmptyDrawing();
  viewer.drawBitmap = labels.slice();
  viewer.refreshDrawing(false);
  viewer.scene.crosshairPos = voxel.map((at, axis) => (at + 0.5) / shape[axis]);
  viewer.drawScene();
  return viewer;
}
