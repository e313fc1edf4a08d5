// Keys and clicks, and what happens when the page opens.

// Who rates and what stands decide what a key does: none is listened to before that is known.
await load();

const GIVE_WAY_MS = 5_000;
const KEYS_OF_PAGE = {
  "/": () => search.focus(),
  "?": () => byId("help").showModal(),
  n: nextUnrated,
  j: () => stepRow(1),
  k: () => stepRow(-1),
};
const KEYS_OF_VIEWER = {
  "?": () => byId("help").showModal(),
  n: nextUnrated,
  j: () => step(1),
  k: () => step(-1),
  arrowright: () => step(1),
  arrowleft: () => step(-1),
  f: flicker,
  a: swap,
  z: zoom,
  c: () => comment.focus(),
};
if (isShownOnly) delete KEYS_OF_VIEWER.c;
for (const button of document.querySelectorAll("[data-verdict]")) {
  if (!isShownOnly) KEYS_OF_VIEWER[button.dataset.key] = () => rate(button.dataset.verdict);
  button.addEventListener("click", () => rate(button.dataset.verdict));
}
for (const button of confidenceButtons) {
  if (!isShownOnly) KEYS_OF_VIEWER[button.dataset.key] = () => toggleConfidence(button);
  button.addEventListener("click", () => toggleConfidence(button));
}
for (const box of reasonBoxes) {
  if (!isShownOnly) KEYS_OF_VIEWER[box.dataset.key] = () => toggleReason(box);
  box.addEventListener("change", changed);
}

const isTyping = (target) =>
  target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (isTyping(event.target)) {
    // Out of the box, and not out of the picture as well.
    if (event.key === "Escape" && viewer.contains(event.target)) {
      event.preventDefault();
      stage.focus();
    }
    return;
  }
  if (document.querySelector("dialog.plain[open]")) return;
  const key = event.key.toLowerCase();
  if (key === "enter" && !viewer.open && rows.includes(event.target)) open(event.target);
  else {
    const act = (viewer.open ? KEYS_OF_VIEWER : KEYS_OF_PAGE)[key];
    if (act === undefined || event.repeat && act !== KEYS_OF_VIEWER.j && act !== KEYS_OF_VIEWER.k) return;
    act();
  }
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const thumb = event.target.closest(".thumb");
  const link = event.target.closest('a[href^="#case-"]');
  const button = event.target.closest(".sort");
  if (thumb) open(thumb.closest("tr"));
  else if (button) sort(button);
  else if (link) {
    event.preventDefault();
    const id = link.getAttribute("href").slice(1);
    history.replaceState(null, "", `#${id}`);
    reveal(id);
    if (link.closest("svg")) open(byId(id));
  }
});

document.addEventListener("visibilitychange", () => (document.hidden ? stopViewing() : goOnViewing()));
viewer.addEventListener("close", () => {
  stopViewing();
  // This comes a moment later: one may be typing elsewhere by now.
  if (!current || isTyping(document.activeElement)) return;
  current.scrollIntoView({ block: "center" });
  current.querySelector(".thumb").focus({ preventScroll: true });
});
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("flicker").addEventListener("click", flicker);
byId("swap").addEventListener("click", swap);
byId("zoom").addEventListener("click", zoom);
byId("close").addEventListener("click", () => viewer.close());
picture.addEventListener("click", zoom);
comment.addEventListener("change", changed);
byId("panel").addEventListener("submit", (event) => event.preventDefault());
byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("controls").addEventListener("input", filter);
byId("rater").addEventListener("change", setRater);
byId("continue").addEventListener("click", nextUnrated);
byId("export-csv").addEventListener("click", () => exportTo("csv"));
byId("export-json").addEventListener("click", () => exportTo("json"));
byId("import").addEventListener("change", async (event) => {
  await importFiles(event.target.files);
  event.target.value = "";
});
byId("clear").addEventListener("click", () => byId("sure").showModal());
byId("clear-surely").addEventListener("click", () => {
  byId("sure").close();
  tell(() => store.clear(), "This browser holds no ratings of this trial any more.");
});
byId("ask").addEventListener("click", async () => {
  const [box, row] = [byId("query"), current];
  const text = box.value.trim();
  const isAsked = await tell(() => store.query(row, text), "Asked.");
  if (isAsked && box.value.trim() === text) box.value = "";
});
byId("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock();
});
byId("leave").addEventListener("click", () => store.leave().finally(() => location.reload()));
for (const button of document.querySelectorAll("dialog.plain .close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
window.addEventListener("hashchange", () => reveal(location.hash.slice(1)));
window.addEventListener("storage", (event) => {
  if (!isServed && store.isOf(event.key)) load();
});
// Whoever signs in under another role in this browser must not find this page open beside it.
async function giveWay() {
  const isOut = await store.isOut().catch(() => false);
  if (isOut && pending.size === 0) location.reload();
}
if (isServed) {
  setInterval(giveWay, GIVE_WAY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || giveWay());
}
window.addEventListener("beforeunload", (event) => {
  if (pending.size) event.preventDefault();
});

for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
for (const part of document.querySelectorAll(isServed ? ".filed" : ".served")) part.hidden = true;
for (const part of document.querySelectorAll(isShownOnly ? ".rating" : ".shown-only")) part.hidden = true;
byId("rater").readOnly = isServed;
reveal(location.hash.slice(1));
