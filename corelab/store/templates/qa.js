"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const table = byId("cases");
  const rows = Array.from(table.tBodies[0].rows);
  const search = byId("search");
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const collator = new Intl.Collator("en", { numeric: true });

  const shownRows = () => Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
  const choice = () => document.querySelector("input[name=show]:checked").value;

  function filter() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const show = choice();
    for (const row of rows) {
      const fits =
        show === "all" ||
        (show === "flagged" ? row.dataset.flagged === "yes" : row.dataset.state === show);
      row.hidden = !(fits && wanted.every((word) => words.get(row).includes(word)));
    }
    for (const dot of document.querySelectorAll("svg a")) {
      const row = byId(dot.getAttribute("href").slice(1));
      dot.classList.toggle("dim", row.hidden);
    }
    byId("shown").textContent = `${shownRows().length} of ${rows.length} rows shown`;
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

  function reveal(id) {
    const row = byId(id);
    if (!rows.includes(row)) return;
    if (row.hidden) {
      search.value = "";
      document.querySelector("input[name=show][value=all]").checked = true;
      filter();
    }
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
  }

  const viewer = byId("viewer");
  const large = byId("large");
  let current = null;
  let sequence = [];

  function show(row) {
    current = row;
    const image = row.querySelector(".thumb img");
    const cells = Array.from(row.cells, (cell) => cell.textContent.trim());
    const [, code, visit, modality, volume, range, , pieces, side, why] = cells;
    const place = sequence.indexOf(row);
    large.src = image.src;
    large.alt = image.alt;
    byId("viewer-title").textContent = `${code} ${visit}`;
    byId("viewer-facts").textContent = [
      modality, volume && `infarct ${volume} mL${range && ` (${range})`}`,
      pieces && `pieces: ${pieces}`, side, why, `${place + 1} of ${sequence.length}`,
    ].filter(Boolean).join(" \u00b7 ");
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place >= sequence.length - 1;
    byId("stage").scrollTo(0, 0);
  }

  function open(row) {
    sequence = shownRows().filter((each) => each.querySelector(".thumb"));
    show(row);
    viewer.showModal();
    byId("stage").focus();
  }

  function step(by) {
    const row = sequence[sequence.indexOf(current) + by];
    if (row) show(row);
  }

  function zoom() {
    const isWhole = large.classList.toggle("whole");
    byId("zoom").setAttribute("aria-pressed", String(isWhole));
  }

  const isTyping = (target) =>
    target.closest("input:not([type=radio]), textarea, select, [contenteditable]") !== null;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (viewer.open) {
      const key = event.key.toLowerCase();
      if (key === "arrowleft") step(-1);
      else if (key === "arrowright") step(1);
      else if (key === "z") zoom();
      else return;
      event.preventDefault();
    } else if (event.key === "/") {
      search.focus();
      event.preventDefault();
    }
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
    }
  });

  viewer.addEventListener("close", () => {
    large.removeAttribute("src");
    if (current) {
      current.scrollIntoView({ block: "center" });
      current.querySelector(".thumb").focus({ preventScroll: true });
    }
  });
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("zoom").addEventListener("click", zoom);
  byId("close").addEventListener("click", () => viewer.close());
  large.addEventListener("click", zoom);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("input", filter);
  window.addEventListener("hashchange", () => reveal(location.hash.slice(1)));

  byId("controls").hidden = false;
  filter();
  reveal(location.hash.slice(1));
})();
