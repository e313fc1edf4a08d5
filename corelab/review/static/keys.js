// The keyboard: one table that both acts and explains itself in the help.

export const KEYS = [
  ["Slices and views", [
    ["ArrowUp", "next slice towards the top", "sliceUp"],
    ["ArrowDown", "next slice towards the bottom", "sliceDown"],
    ["PageUp", "five slices up", "slicesUp"],
    ["PageDown", "five slices down", "slicesDown"],
    ["Home", "slice with the largest area", "largestSlice"],
    ["1", "window: stroke 40/40; on MR as delivered", "windowOne"],
    ["2", "window: brain 80/40; on MR brighter", "windowTwo"],
    ["3", "window: bone; on MR wider", "windowThree"],
    ["+", "zoom in", "zoomIn"],
    ["-", "zoom out", "zoomOut"],
    ["z", "whole slice", "zoomOff"],
    ["m", "one image large, all images", "toggleLarge"],
    ["v", "three planes (needs a moment)", "togglePlanes"],
  ]],
  ["Mask on the image", [
    ["h", "hide, show", "toggleMask"],
    ["f", "outline, filled", "toggleFill"],
    ["a", "adjudication: both, A, B, neither", "nextPair"],
  ]],
  ["Tools", [
    ["b", "brush", "toolBrush"],
    ["e", "eraser", "toolEraser"],
    ["t", "brush within limits of the image's values", "toolLimit"],
    ["g", "fill: click inside a closed outline", "toolFill"],
    ["x", "remove a whole piece with one click", "toolRemove"],
    ["l", "label: infarct, blood in infarct", "nextLabel"],
    ["[", "smaller brush", "brushSmaller"],
    ["]", "larger brush", "brushLarger"],
    ["c", "copy this slice's mask to the next one up", "copyUp"],
    ["Shift+c", "copy this slice's mask to the next one down", "copyDown"],
    ["u", "undo (also Ctrl+Z)", "undo"],
    ["r", "redo (also Ctrl+Y)", "redo"],
  ]],
  ["Without a mouse", [
    ["Shift+Arrow", "move the cursor by a voxel, with Ctrl by ten", "moveCursor"],
    ["d", "use the tool at the cursor", "dab"],
  ]],
  ["Read", [
    ["s", "go to result and signature", "goSign"],
    ["?", "these keys", "toggleHelp"],
    ["Escape", "leave a field, close what is open", "leave"],
  ]],
];
export const MOUSE = [
  ["left button", "use the tool"],
  ["right button, drag", "window: across its width, up and down its level"],
  ["middle button, drag", "move the image"],
  ["wheel", "slices; with Ctrl, zoom"],
];

// A key that is held down acts again only where that changes nothing of the mask.
const REPEATED = new Set([
  "sliceUp", "sliceDown", "slicesUp", "slicesDown", "zoomIn", "zoomOut", "moveCursor",
  "brushSmaller", "brushLarger",
]);
const STEPS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [1, 0], ArrowRight: [-1, 0] };
const TICKED = "input[type=radio], input[type=checkbox]";
const TYPED = `input:not(${TICKED}), textarea, select`;

/**
 * Act on the keys of the table; dead while somebody types or a dialog is open.
 *
 * @param {(name: string, ...values: number[]) => void} act
 */
export function listen(act) {
  const bound = new Map(KEYS.flatMap(([, rows]) => rows.map(([key, , action]) => [key, action])));
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.matches(TYPED)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    // Arrows and space choose among results.
    if (target?.matches(TICKED) && (event.key.startsWith("Arrow") || event.key === " ")) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog && dialog.dataset.key !== event.key) return;
    const asked = askedBy(event, bound);
    if (!asked) return;
    event.preventDefault();
    if (!event.repeat || REPEATED.has(asked[0])) act(...asked);
  });
}

/** Name of the action that a key asks for, with its values; null where it asks for none. */
function askedBy(event, bound) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey) return null;
  if (event.shiftKey && key in STEPS) {
    const size = event.ctrlKey ? 10 : 1;
    return ["moveCursor", STEPS[key][0] * size, STEPS[key][1] * size];
  }
  if (event.ctrlKey || event.metaKey) {
    if (key === "y" || (key === "z" && event.shiftKey)) return ["redo"];
    return key === "z" ? ["undo"] : null;
  }
  const name = bound.get(event.shiftKey && key === "c" ? "Shift+c" : key === "=" ? "+" : key);
  return name ? [name] : null;
}

/** Write the table into the help. */
export function explain(element) {
  const groups = [...KEYS, ["Mouse", MOUSE]];
  for (const [title, rows] of groups) {
    const section = document.createElement("section");
    const heading = document.createElement("h3");
    heading.textContent = title;
    const list = document.createElement("dl");
    for (const [key, meaning] of rows) {
      const term = document.createElement("dt");
      const name = document.createElement(title === "Mouse" ? "span" : "kbd");
      name.textContent = key.replace("Arrow", "Arrow ").trim();
      term.append(name);
      const words = document.createElement("dd");
      words.textContent = meaning;
      list.append(term, words);
    }
    section.append(heading, list);
    element.append(section);
  }
}
