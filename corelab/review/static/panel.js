// One image on the page: a canvas with the slice, above it one with outlines, pointer and letters.

import { outline, paintLabels, paintSlice } from "/static/slice.js";

const FILL_ALPHA = 0x66000000;
const HALO = "rgba(0, 0, 0, 0.75)";

/** An outline over the image: whose labels, in which colour, and dashed where colour is not enough. */
export class Layer {
  /**
   * @param {Uint8Array} labels
   * @param {{colour: string, dash: number[], isInside: (label: number) => boolean}[]} lines
   */
  constructor(labels, lines) {
    this.labels = labels;
    this.lines = lines;
    this.revision = 0;
    this._key = null;
    this._paths = [];
  }

  paths(grid, w) {
    const key = `${w} ${this.revision}`;
    if (key !== this._key) {
      this._key = key;
      this._paths = this.lines.map((line) => outline(this.labels, grid, w, line.isInside));
    }
    return this._paths;
  }
}

export class Panel {
  /**
   * @param {string} title
   * @param {{values: ArrayLike<number>, slope: number, intercept: number}} image
   * @param {Grid} grid
   * @param {{low: number, high: number}} window
   */
  constructor(title, image, grid, window) {
    this.title = title;
    this.image = image;
    this.grid = grid;
    this.window = window;
    this.element = document.createElement("figure");
    this.element.className = "panel";
    this._below = document.createElement("canvas");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${title} slice`);
    this.element.append(this._below, this.canvas);
    this._pixels = new ImageData(grid.nu, grid.nv);
    this._slice = sheet(grid);
    this._labels = sheet(grid);
    this._sliceKey = null;
    this._labelsKey = null;
  }

  /** Fit both canvases to the size that the page gives them. */
  resize() {
    const ratio = globalThis.devicePixelRatio || 1;
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    for (const canvas of [this._below, this.canvas]) {
      canvas.width = Math.max(1, Math.round(this.width * ratio));
      canvas.height = Math.max(1, Math.round(this.height * ratio));
    }
    this._ratio = ratio;
    this._drawn = null;
  }

  /** Screen pixels of the page for one mm, and where the slice's top left corner lies. */
  _frame(view) {
    const { nu, nv, du, dv } = this.grid;
    const scale = Math.min(this.width / (nu * du), this.height / (nv * dv)) * view.zoom;
    return {
      scale,
      x: this.width / 2 - (nu * du * scale) / 2 + view.panXMm * scale,
      y: this.height / 2 - (nv * dv * scale) / 2 + view.panYMm * scale,
    };
  }

  /** Place in the slice, in voxels and fractions of them, under a point of the window. */
  place(view, clientX, clientY) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this._frame(view);
    const { nu, nv, du, dv } = this.grid;
    return {
      u: nu - (clientX - left - x) / (scale * du) - 0.5,
      v: nv - (clientY - top - y) / (scale * dv) - 0.5,
    };
  }

  /** Point of the window over the centre of a voxel. */
  point(view, u, v) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this._frame(view);
    const { nu, nv, du, dv } = this.grid;
    return {
      clientX: left + x + (nu - u - 0.5) * du * scale,
      clientY: top + y + (nv - v - 0.5) * dv * scale,
    };
  }

  /** mm of the slice that a drag of one screen pixel moves. */
  mmPerPixel(view) {
    return 1 / this._frame(view).scale;
  }

  /**
   * @param {object} view slice, zoom, pan, cursor and how the layers are shown
   * @param {Layer[]} layers
   */
  draw(view, layers) {
    const frame = this._frame(view);
    const key = `${view.slice} ${this.window.low} ${this.window.high}`;
    if (key !== this._sliceKey) {
      this._sliceKey = key;
      paintSlice(this._pixels, this.image, this.grid, view.slice, this.window);
      this._slice.getContext("2d").putImageData(this._pixels, 0, 0);
      this._drawn = null;
    }
    const drawn = `${frame.scale} ${frame.x} ${frame.y}`;
    if (drawn !== this._drawn) {
      this._drawn = drawn;
      this._sheet(this._below.getContext("2d"), this._slice, frame);
    }
    this._overlay(view, layers, frame);
  }

  _sheet(context, image, frame) {
    const { nu, nv, du, dv } = this.grid;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.setTransform(this._ratio, 0, 0, this._ratio, 0, 0);
    context.imageSmoothingQuality = "low";
    context.drawImage(image, frame.x, frame.y, nu * du * frame.scale, nv * dv * frame.scale);
  }

  _overlay(view, layers, frame) {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const scale = frame.scale * this._ratio;
    context.setTransform(scale, 0, 0, scale, frame.x * this._ratio, frame.y * this._ratio);
    const shown = view.isMaskShown ? layers : [];
    if (view.isFilled) for (const layer of shown) this._fill(context, layer, view.slice);
    for (const layer of shown) this._outline(context, layer, view.slice, frame.scale);
    if (view.cursor) this._cursor(context, view, frame.scale);
    this._letters(context, view);
  }

  _outline(context, layer, w, scale) {
    const paths = layer.paths(this.grid, w);
    layer.lines.forEach((line, n) => {
      if (!paths[n]) return;
      context.setLineDash([]);
      context.strokeStyle = HALO;
      context.lineWidth = 3.5 / scale;
      context.stroke(paths[n]);
      context.setLineDash(line.dash.map((length) => length / scale));
      context.strokeStyle = line.colour;
      context.lineWidth = 1.75 / scale;
      context.stroke(paths[n]);
    });
    context.setLineDash([]);
  }

  _fill(context, layer, w) {
    const key = `${w} ${layer.revision}`;
    if (layer !== this._filled || key !== this._labelsKey) {
      this._filled = layer;
      this._labelsKey = key;
      const pixels = new ImageData(this.grid.nu, this.grid.nv);
      const colours = [1, 2].map((label) => {
        const line = layer.lines.findLast((one) => one.isInside(label));
        return line ? (FILL_ALPHA | rgb(line.colour)) >>> 0 : 0;
      });
      paintLabels(pixels, layer.labels, this.grid, w, [0, ...colours]);
      this._labels.getContext("2d").putImageData(pixels, 0, 0);
    }
    const { nu, nv, du, dv } = this.grid;
    context.imageSmoothingEnabled = false;
    context.drawImage(this._labels, 0, 0, nu * du, nv * dv);
    context.imageSmoothingEnabled = true;
  }

  _cursor(context, view, scale) {
    const { nu, nv, du, dv } = this.grid;
    const x = (nu - view.cursor.u - 0.5) * du;
    const y = (nv - view.cursor.v - 0.5) * dv;
    const radius = Math.max((view.brush * du) / 2, 2 / scale);
    for (const [colour, width] of [[HALO, 3], ["#ffffff", 1.25]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      for (const [alongX, alongY] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + alongX * (radius + 4 / scale), y + alongY * (radius + 4 / scale));
        context.lineTo(x + alongX * (radius + 12 / scale), y + alongY * (radius + 12 / scale));
      }
      context.stroke();
    }
  }

  _letters(context, view) {
    context.setTransform(this._ratio, 0, 0, this._ratio, 0, 0);
    const { left, right, top, bottom, nw } = this.grid;
    const text = (words, x, y, align, size = 15) => {
      context.font = `600 ${size}px system-ui, sans-serif`;
      context.textAlign = align;
      context.textBaseline = "middle";
      context.lineWidth = 3;
      context.strokeStyle = HALO;
      context.fillStyle = "#f2f2f2";
      context.strokeText(words, x, y);
      context.fillText(words, x, y);
    };
    text(left, 8, this.height / 2, "left", 20);
    text(right, this.width - 8, this.height / 2, "right", 20);
    text(top, this.width / 2, 14, "center");
    text(bottom, this.width / 2, this.height - 12, "center");
    text(this.title, 8, 14, "left");
    text(`${view.slice + 1} / ${nw}`, this.width - 8, 14, "right");
    const { low, high } = this.window;
    const [level, width] = [(low + high) / 2, high - low].map((value) => Number(value.toPrecision(3)));
    text(`L ${level}  W ${width}`, 8, this.height - 12, "left", 13);
    if (!view.isMaskShown) text("mask hidden", this.width - 8, this.height - 12, "right", 13);
  }
}

function sheet(grid) {
  const canvas = document.createElement("canvas");
  canvas.width = grid.nu;
  canvas.height = grid.nv;
  return canvas;
}

/** A colour "#rrggbb" as ImageData has it, without opacity. */
function rgb(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16);
}
