// What was said of each case, and the panel where it is said.

const comment = byId("comment");
const pending = new Map(); // Unsaved words of each row: they wait for a verdict.
let ratings = [];
let queries = [];
let byCase = new Map();
let turn = Promise.resolve();

const keyOf = (row) => `${row.dataset.code}\n${row.dataset.visit}`;
const historyOf = (row) => byCase.get(keyOf(row)) ?? [];
const queriesOf = (row) => queries.filter((query) => caseKey(query) === keyOf(row));

// A verdict is of one picture: of another image or outline it is history.
const isCurrent = (row, rating) =>
  rating.image_sha256 === row.dataset.image && rating.mask_sha256 === row.dataset.mask;

const standingOf = (row) => standing(historyOf(row).filter((rating) => isCurrent(row, rating)));
const mine = (row) => standingOf(row).get(store.rater);

// Raters do not see each other's verdicts before their own.
const mayCompare = (row) => store.rater === "" || mine(row) !== undefined;
const seen = (row) => (mayCompare(row) ? [...standingOf(row).values()] : []);

function say(text) {
  for (const place of [byId("said"), byId("told")]) place.textContent = text;
}

async function load() {
  try {
    ({ ratings, queries } = await store.load());
  } catch (error) {
    say(`Ratings cannot be read: ${error.message}`);
    if (error instanceof Locked) askForPassphrase();
    return false;
  }
  byCase = grouped(ratings);
  byId("rater").value = store.rater;
  for (const row of rows) if (isRateable(row)) showVerdicts(row);
  showProgress();
  showAgreement();
  filter();
  if (current) showRating(current);
  return true;
}

function grouped(all) {
  const groups = new Map();
  for (const rating of all) {
    const key = caseKey(rating);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(rating);
  }
  return groups;
}

function showProgress() {
  const rateable = rows.filter(isRateable);
  const rated = rateable.filter(mine).length;
  const compared = rateable.filter((row) => seen(row).length > 1);
  const agreed = compared.filter((row) => !QUEUE.disagreeing(row)).length;
  const agreement = compared.length ? `; raters agree on ${agreed} of ${compared.length}` : "";
  byId("progress").textContent = store.rater
    ? `${rated} of ${rateable.length} rated by ${store.rater}${agreement}`
    : `${rateable.length} cases to rate${agreement}`;
  byId("continue").firstChild.data = rated ? "Continue " : "Begin ";
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

const reasonsOf = (rating) => rating.reasons.map(words).join(", ");
const CHIP = { pass: "good", warn: "warn", fail: "bad", not_assessable: "bad" };

function showVerdicts(row) {
  const cell = row.cells[row.cells.length - 1];
  const standingHere = seen(row);
  cell.replaceChildren();
  for (const rating of standingHere) {
    const chip = element("span", words(rating.verdict), `chip ${CHIP[rating.verdict]}`);
    const why = [reasonsOf(rating), rating.comment].filter(Boolean).join(": ");
    cell.append(chip, " ", element("span", `${rating.rater}${why && `, ${why}`}`, "note"), document.createElement("br"));
  }
  if (disagree(standingHere)) cell.append(element("span", "disagreeing", "chip bad"));
  const open = queriesOf(row).filter((query) => query.answer === null).length;
  if (open) cell.append(element("span", `${open} open ${open > 1 ? "queries" : "query"}`, "chip warn"));
  cell.dataset.value = standingHere.map((rating) => rating.verdict).join(" ");
}

const typed = () => ({
  reasons: reasonBoxes.filter((box) => box.checked).map((box) => box.value),
  comment: comment.value.trim(),
  confidence: confidenceButtons.find((button) => button.ariaPressed === "true")?.dataset.confidence ?? null,
});

function showRating(row) {
  const said = pending.get(row.id) ?? mine(row) ?? { reasons: [], comment: "", confidence: null };
  for (const box of reasonBoxes) box.checked = said.reasons.includes(box.value);
  // What comes while somebody types does not write over it, here and below.
  if (document.activeElement !== comment) comment.value = said.comment;
  showConfidence(said.confidence);
  showVerdict(row);
  const history = historyOf(row).filter((rating) => rating.rater === store.rater || mayCompare(row));
  byId("history").replaceChildren(...history.toReversed().map((rating) => historyItem(row, rating)));
  byId("no-history").hidden = history.length > 0;
  showQueries(row);
}

function showVerdict(row) {
  const stands = mine(row);
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.setAttribute("aria-pressed", String(button.dataset.verdict === stands?.verdict));
  }
}

function showConfidence(said) {
  for (const button of confidenceButtons) button.ariaPressed = String(button.dataset.confidence === said);
}

function toggleConfidence(button) {
  showConfidence(button.ariaPressed === "true" ? null : button.dataset.confidence);
  changed();
}

function historyItem(row, rating) {
  const time = `${rating.rated_at_utc.slice(0, 16).replace("T", " ")} UTC`;
  const why = [reasonsOf(rating), rating.comment].filter(Boolean).join(": ");
  const how = [
    rating.confidence && `${rating.confidence} confidence`,
    Number.isInteger(rating.viewed_s) && `after ${rating.viewed_s} s`,
  ].filter(Boolean).join(", ");
  const of = `${how && ` (${how})`}${isCurrent(row, rating) ? "" : ", of another picture"}`;
  const item = element("li", `${time} ${rating.rater}: `);
  item.append(element("span", words(rating.verdict), `chip ${CHIP[rating.verdict]}`), ` ${why}${of}`);
  return item;
}

function showQueries(row) {
  if (document.activeElement.matches("#queries textarea")) return;
  byId("queries").replaceChildren(...queriesOf(row).map((query) => queryItem(query)));
}

function queryItem(query) {
  const item = element("li", `${query.author}: ${query.text} `);
  if (query.answer !== null) {
    item.append(element("strong", `Answer of ${query.answered_by}: ${query.answer}`));
    return item;
  }
  const box = document.createElement("textarea");
  box.rows = 2;
  box.maxLength = LONGEST_COMMENT;
  box.setAttribute("aria-label", `Answer to the query of ${query.author}`);
  const send = element("button", "Answer");
  send.type = "button";
  send.addEventListener("click", () => {
    const text = box.value.trim();
    tell(() => store.answer(query.query_id, text), "Answered.");
  });
  item.append(box, send);
  return item;
}

// One after the other, as they were asked for: of two quick verdicts the last one is to stand.
function inTurn(act) {
  const done = turn.then(act);
  turn = done.catch(() => {});
  return done;
}

const tell = (act, done) => inTurn(() => carryOut(act, done));

// Do something with the store, then show what stands in it; say what went wrong.
async function carryOut(act, done) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof NotSaved)) throw error;
    say(`NOT SAVED: ${error.message}`);
    if (error instanceof Locked) askForPassphrase();
    return false;
  }
  if (await load()) say(done);
  return true;
}

function ratingOf(row, verdict) {
  return {
    trial_id: page.trial,
    subject_code: row.dataset.code,
    visit: row.dataset.visit,
    image_sha256: row.dataset.image,
    mask_sha256: row.dataset.mask,
    rater: store.rater,
    rated_at_utc: new Date().toISOString(),
    verdict,
    ...typed(),
    software_version: page.version,
    viewed_s: viewedS(),
  };
}

const isSame = (a, b) =>
  a?.verdict === b.verdict && a.comment === b.comment && a.reasons.join() === b.reasons.join() &&
  (a.confidence ?? null) === b.confidence;

async function rate(verdict) {
  const row = current;
  if (!isRateable(row)) return say("This case cannot be rated: what it is made of is not known.");
  if (store.rater === "") return askForRater();
  const rating = ratingOf(row, verdict);
  const said = { ...typed(), verdict };
  pending.set(row.id, said);
  const fault = faultOf(rating);
  if (fault) return say(`Not saved yet: ${words(verdict)} needs in its ${fault.column} ${fault.expected}.`);
  const isSaved = await inTurn(() => save(row, rating));
  if (isSaved && pending.get(row.id) === said) pending.delete(row.id);
}

async function save(row, rating) {
  const verdict = words(rating.verdict);
  if (!isSame(mine(row), rating)) return carryOut(() => store.add([rating]), `Saved: ${verdict}.`);
  say(`${verdict} stands already.`);
  return true;
}

// Reasons and comment belong to a verdict: they are saved with it, and at once where it is there.
function changed() {
  const verdict = pending.get(current.id)?.verdict ?? mine(current)?.verdict;
  if (verdict && store.rater !== "") return rate(verdict);
  pending.set(current.id, typed());
  say("Kept on this page, and saved with the verdict.");
}

function toggleReason(box) {
  box.checked = !box.checked;
  changed();
}

function askForRater() {
  viewer.close();
  byId("rater").focus();
  say("Who rates? Give a name first.");
}

function askForPassphrase() {
  if (byId("locked").open) return;
  byId("passphrase").value = "";
  byId("locked").showModal();
}

// What was not saved is still on the page: after the passphrase it is one key away.
async function unlock() {
  try {
    await store.unlock(byId("passphrase").value);
  } catch (error) {
    if (!(error instanceof NotSaved)) throw error;
    byId("passphrase").value = "";
    byId("lock-said").textContent = error.message;
    return;
  }
  byId("locked").close();
  await load();
  say("Unlocked. What was not saved is still here: give the verdict again.");
}

function setRater() {
  const name = byId("rater").value.trim();
  const [form, expected] = FORMS.rater;
  if (name !== "" && !form.test(name)) return say(`Rater: found '${name}', expected ${expected}.`);
  tell(async () => {
    store.rater = name;
  }, name ? `Rating as ${name}.` : "Nobody rates: all verdicts are shown.");
}

const counted = (all) => `${all.length} rating${all.length === 1 ? "" : "s"}`;

async function importFiles(files) {
  let added = [];
  for (const file of files) {
    try {
      added = joined(added, fromFile(file.name, await file.text()));
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      return say(`NOTHING IMPORTED: ${file.name}, ${error.message}`);
    }
  }
  const before = ratings.length;
  if (!(await tell(() => store.take(added), ""))) return;
  say(`${ratings.length - before} new of ${counted(added)}.`);
}

function exportTo(form) {
  const name = `qa_${page.trial}${store.rater && `_${store.rater}`}.${form}`;
  if (form === "csv") download(name, toCsv(ratings), "text/csv;charset=utf-8");
  else download(name, toJson(ratings), "application/json");
  say(`${counted(ratings)} exported.`);
}
