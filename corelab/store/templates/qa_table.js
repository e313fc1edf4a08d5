// The table of cases: search, work queue, order, and the dots that lead to its rows.

const byId = (id) => document.getElementById(id);
const table = byId("cases");
const rows = Array.from(table.tBodies[0].rows);
const search = byId("search");
const dots = Array.from(document.querySelectorAll("svg a"), (dot) => [dot, byId(dot.getAttribute("href").slice(1))]);
const collator = new Intl.Collator("en", { numeric: true });

const shownRows = () => Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
const choice = () => document.querySelector("input[name=show]:checked").value;
const isRateable = (row) => row.dataset.image !== "" && row.querySelector(".thumb") !== null;

const QUEUE = {
  all: () => true,
  unrated: (row) => isRateable(row) && !mine(row),
  failed: (row) => seen(row).some((rating) => ["fail", "not_assessable"].includes(rating.verdict)),
  disagreeing: (row) => disagree(seen(row)),
  queried: (row) => queriesOf(row).some((query) => query.answer === null),
  flagged: (row) => row.dataset.flagged === "yes",
  unmeasured: (row) => row.dataset.state === "unmeasured",
};

function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = QUEUE[choice()];
  for (const row of rows) {
    const text = wanted.length ? row.textContent.toLowerCase() : "";
    row.hidden = !(fits(row) && wanted.every((word) => text.includes(word)));
  }
  for (const [dot, row] of dots) dot.classList.toggle("dim", row.hidden);
  byId("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows shown`;
}

function sort(button) {
  const head = button.closest("th");
  const column = head.cellIndex;
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const value = (row) => row.cells[column].dataset.value;
  const compare =
    button.dataset.kind === "number" ? (a, b) => Number(a) - Number(b) : collator.compare;
  const sorted = rows.slice().sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === "" || right === "") return (left === "") - (right === "");
    return sign * compare(left, right);
  });
  table.tBodies[0].append(...sorted);
}

function showAll() {
  search.value = "";
  document.querySelector("input[name=show][value=all]").checked = true;
  filter();
}

function reveal(id) {
  const row = byId(id);
  if (!rows.includes(row)) return;
  if (row.hidden) showAll();
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
}

// Move the focus from row to row.
function stepRow(by) {
  const shown = shownRows();
  const place = shown.indexOf(document.activeElement.closest("#cases tbody tr"));
  const row = shown[place < 0 ? (by > 0 ? 0 : shown.length - 1) : place + by];
  row?.scrollIntoView({ block: "center" });
  row?.focus({ preventScroll: true });
}
