// One case enlarged: its picture in two layers, and the panel beside it.

const viewer = byId("viewer");
const stage = byId("stage");
const picture = byId("picture");
const plain = byId("plain");
const lines = byId("lines");
const ZOOMS = ["width", "double", "whole"];
let current = null;
let sequence = [];
let covers = 0;

// How long a case has been on the screen since it was opened: a page behind others does not count.
let viewedMs = 0;
let viewedSince = null;

function goOnViewing() {
  if (viewer.open && !document.hidden) viewedSince ??= performance.now();
}

function stopViewing() {
  if (viewedSince !== null) viewedMs += performance.now() - viewedSince;
  viewedSince = null;
}

function viewedS() {
  stopViewing();
  goOnViewing();
  return Math.min(Math.round(viewedMs / 1000), MOST_SECONDS);
}

function show(row) {
  stopViewing();
  viewedMs = 0;
  goOnViewing();
  current = row;
  store.last = row.id;
  const [base, outline] = row.querySelectorAll(".thumb img:not(.accepted)");
  const cells = Array.from(row.cells, (cell) => cell.textContent.trim());
  const [, code, visit, modality, volume, range, , pieces, side, why] = cells;
  const place = sequence.indexOf(row);
  plain.src = base.src;
  plain.alt = base.alt;
  lines.hidden = outline === undefined;
  if (outline) lines.src = outline.src;
  else lines.removeAttribute("src");
  byId("flicker").disabled = outline === undefined;
  byId("accepted").replaceChildren(...Array.from(row.querySelectorAll(".thumb .accepted"), copyOf));
  byId("swap").disabled = row.dataset.accepted === "";
  cover();
  setOutline(true);
  setAfter(false);
  byId("viewer-title").textContent = `${code} ${visit}`;
  byId("viewer-facts").textContent = [
    modality, volume && `infarct ${volume} mL${range && ` (${range})`}`,
    pieces && `pieces: ${pieces}`, side, row.dataset.accepted, why, `${place + 1} of ${sequence.length}`,
  ].filter(Boolean).join(" \u00b7 ");
  byId("full").href = isServed ? store.overlay(row) : row.dataset.mosaic;
  byId("full").hidden = row.dataset.mosaic === "";
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place >= sequence.length - 1;
  byId("made").textContent = row.dataset.image
    ? `${row.dataset.method}, image ${row.dataset.image.slice(0, 12)}, mask ${row.dataset.mask.slice(0, 12)} (SHA-256)`
    : "Its record names no files.";
  stage.scrollTo(0, 0);
  showRating(row);
}

function open(row) {
  sequence = shownRows().filter((each) => each.querySelector(".thumb"));
  if (!sequence.includes(row)) return;
  show(row);
  if (!viewer.open) viewer.showModal();
  goOnViewing();
  stage.focus();
}

function step(by) {
  const row = sequence[sequence.indexOf(current) + by];
  if (row) show(row);
}

const isAfter = (row, other) =>
  Boolean(other.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING);

// The next case shown that this rater has not rated: after the one at hand, or where one stopped.
function nextUnrated() {
  const unrated = shownRows().filter(QUEUE.unrated);
  const last = byId(store.last ?? "");
  const follows = (row) => (viewer.open ? isAfter(row, current) : row === last || (last && isAfter(row, last)));
  const row = unrated.find(follows) ?? unrated[0];
  if (row) open(row);
  else say("Every case that is shown here is rated.");
}

// Layers come all at once: an outline of the case before, or none, would be taken for this one's.
async function cover() {
  const own = ++covers;
  picture.classList.add("covered");
  await Promise.allSettled(Array.from(picture.querySelectorAll("img[src]"), (image) => image.decode()));
  if (own === covers) picture.classList.remove("covered");
}

// At hand before its key is pressed: no moment without an outline, which would look like no infarct.
function copyOf(image) {
  const copy = image.cloneNode();
  copy.hidden = false;
  copy.loading = "eager";
  copy.decoding = "sync";
  return copy;
}

// Before and after people's edits: the automatic outline, or those that the accepted volume rests on.
function setAfter(isOn) {
  picture.classList.toggle("after", isOn);
  byId("swap").setAttribute("aria-pressed", String(isOn));
}

function swap() {
  if (byId("swap").disabled) return;
  setOutline(true);
  setAfter(!picture.classList.contains("after"));
}

function setOutline(isOn) {
  picture.classList.toggle("bare", !isOn);
  byId("flicker").setAttribute("aria-pressed", String(isOn));
}

function flicker() {
  if (!byId("flicker").disabled || picture.classList.contains("after")) setOutline(picture.classList.contains("bare"));
}

function zoom() {
  picture.dataset.zoom = ZOOMS[(ZOOMS.indexOf(picture.dataset.zoom) + 1) % ZOOMS.length];
}
