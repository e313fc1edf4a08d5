// Ratings as CSV and JSON: the same columns, and whatever is written is read back equal.

const FORMULA_START = /^['=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const FORMAT = "corelab-qa-ratings-1";

class FileFault extends Error {}

// A spreadsheet runs what begins like a formula: one apostrophe before it, which reading takes off.
const defused = (text) => (FORMULA_START.test(text) ? `'${text}` : text);
const restored = (text) => (text.startsWith("'") ? text.slice(1) : text);
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function toCsv(ratings) {
  const line = (rating) =>
    COLUMNS.map((name) => (name === "reasons" ? rating.reasons.join(";") : String(rating[name] ?? "")))
      .map((text) => quoted(defused(text)))
      .join(",");
  return [COLUMNS.join(","), ...ratings.map(line), ""].join("\n");
}

// Records of a CSV text, each with the line that it begins on.
function csvRecords(text) {
  const records = [];
  let [cells, line, start] = [[], 1, 1];
  const part = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
  let at = text.startsWith("\ufeff") ? 1 : 0;
  while (at < text.length) {
    part.lastIndex = at;
    const [whole, inQuotes, plain] = part.exec(text);
    cells.push(inQuotes === undefined ? plain : inQuotes.replaceAll('""', '"').replaceAll("\r\n", "\n"));
    line += whole.split("\n").length - 1;
    at += whole.length;
    const end = /,|\r?\n|$/y;
    end.lastIndex = at;
    const mark = end.exec(text);
    if (mark === null) throw new FileFault(`line ${line}, cell ${cells.length}: found a stray quote, expected a comma or the end of the line`);
    at += mark[0].length;
    if (mark[0] === ",") {
      if (at === text.length) cells.push("");
      else continue;
    }
    if (cells.length > 1 || cells[0] !== "") records.push({ start, cells });
    line += mark[0] === "," ? 0 : 1;
    [cells, start] = [[], line];
  }
  return records;
}

function fromCsv(text) {
  const [head, ...records] = csvRecords(text);
  const columns = [COLUMNS, EARLIER_COLUMNS].find((names) => head?.cells.join() === names.join());
  if (columns === undefined) {
    throw new FileFault(`line 1: found ${head ? head.cells.join(",") : "nothing"}, expected ${COLUMNS.join(",")}`);
  }
  return records.map(({ start, cells }) => {
    if (cells.length !== columns.length) {
      throw new FileFault(`line ${start}: found ${cells.length} cells, expected ${columns.length}`);
    }
    const rating = Object.fromEntries(columns.map((name, place) => [name, restored(cells[place])]));
    rating.reasons = rating.reasons === "" ? [] : rating.reasons.split(";");
    rating.viewed_s = /^[0-9]{1,6}$/.test(rating.viewed_s) ? Number(rating.viewed_s) : rating.viewed_s || null;
    rating.confidence ||= null;
    return checked(rating, `line ${start}`);
  });
}

const inColumns = (rating) => Object.fromEntries(COLUMNS.map((name) => [name, rating[name] ?? null]));

function toJson(ratings) {
  return `${JSON.stringify({ format: FORMAT, ratings: ratings.map(inColumns) }, null, 2)}\n`;
}

function fromJson(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new FileFault(`found no JSON: ${error.message}`);
  }
  if (content?.format !== FORMAT || !Array.isArray(content.ratings)) {
    throw new FileFault(`format: found ${content?.format}, expected ${FORMAT} with its ratings`);
  }
  return content.ratings.map((rating, index) => {
    const place = `rating ${index + 1}`;
    const names = rating && typeof rating === "object" ? Object.keys(rating) : [];
    const isKnown = [COLUMNS, EARLIER_COLUMNS].some((all) => all.toSorted().join() === names.toSorted().join());
    if (!isKnown || !Array.isArray(rating.reasons)) {
      throw new FileFault(`${place}: found the columns ${names.join(", ")}, expected ${COLUMNS.join(", ")}`);
    }
    return checked(inColumns(rating), place);
  });
}

function checked(rating, place) {
  const fault =
    rating.trial_id === page.trial
      ? faultOf(rating)
      : { column: "trial_id", found: rating.trial_id, expected: page.trial };
  if (fault) throw new FileFault(`${place}, column ${fault.column}: found '${fault.found}', expected ${fault.expected}`);
  return rating;
}

const fromFile = (name, text) => (name.toLowerCase().endsWith(".json") ? fromJson(text) : fromCsv(text));

function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name.replace(/[^A-Za-z0-9._-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
