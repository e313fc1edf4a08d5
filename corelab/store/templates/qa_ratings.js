// Ratings: what one rater said of one case at one time. Rows are added and never changed.

const page = document.body.dataset;
const verdicts = Array.from(document.querySelectorAll("[data-verdict]"), (b) => b.dataset.verdict);
const reasonBoxes = Array.from(document.querySelectorAll("input[name=reason]"));
const reasonCodes = reasonBoxes.map((box) => box.value);
const LONGEST_COMMENT = 1000;
const confidenceButtons = Array.from(document.querySelectorAll("[data-confidence]"));
const confidences = confidenceButtons.map((button) => button.dataset.confidence);
const MOST_SECONDS = 999_999;
// Files of before time and confidence were kept have no more than these.
const EARLIER_COLUMNS = [
  "trial_id", "subject_code", "visit", "image_sha256", "mask_sha256", "rater", "rated_at_utc",
  "verdict", "reasons", "comment", "software_version",
];
const COLUMNS = [...EARLIER_COLUMNS, "viewed_s", "confidence"];
const FORMS = {
  trial_id: [/^[^\p{Cc}]{1,64}$/u, "a trial's name"],
  subject_code: [/^[^\p{Cc}]{1,64}$/u, "a subject code"],
  visit: [/^[^\p{Cc}]{1,64}$/u, "a visit"],
  image_sha256: [/^[0-9a-f]{64}$/, "64 hexadecimal digits"],
  mask_sha256: [/^[0-9a-f]{64}$/, "64 hexadecimal digits"],
  rater: [/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u, "a name of letters, digits, spaces and . _ @ -"],
  rated_at_utc: [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "a UTC time of the form YYYY-MM-DDThh:mm:ss.sssZ"],
  comment: [/^[^\x00-\x08\x0b-\x1f\x7f]*$/, "plain text"],
  software_version: [/^[^\p{Cc}]{1,64}$/u, "a version"],
};

const caseKey = (rating) => `${rating.subject_code}\n${rating.visit}`;
const rowText = (rating) => JSON.stringify(COLUMNS.map((name) => rating[name] ?? null));

// What a rating lacks, as column, what was found and what was expected; null when nothing.
function faultOf(rating) {
  for (const [column, [form, expected]] of Object.entries(FORMS)) {
    if (typeof rating[column] !== "string" || !form.test(rating[column])) {
      return { column, found: rating[column], expected };
    }
  }
  const { verdict, reasons, comment, viewed_s, confidence } = rating;
  if (viewed_s !== null && !(Number.isInteger(viewed_s) && viewed_s >= 0 && viewed_s <= MOST_SECONDS)) {
    return { column: "viewed_s", found: viewed_s, expected: "whole seconds below a million, or nothing" };
  }
  if (confidence !== null && !confidences.includes(confidence)) {
    return { column: "confidence", found: confidence, expected: `one of ${confidences.join(", ")}, or nothing` };
  }
  if (comment.length > LONGEST_COMMENT) {
    return { column: "comment", found: `${comment.length} characters`, expected: `at most ${LONGEST_COMMENT}` };
  }
  if (!verdicts.includes(verdict)) {
    return { column: "verdict", found: verdict, expected: `one of ${verdicts.join(", ")}` };
  }
  const strange = reasons.find((code) => !reasonCodes.includes(code));
  if (strange !== undefined) {
    return { column: "reasons", found: strange, expected: `some of ${reasonCodes.join(", ")}` };
  }
  if (new Set(reasons).size < reasons.length) {
    return { column: "reasons", found: reasons.join(";"), expected: "each reason once" };
  }
  if (verdict !== "pass" && reasons.length === 0) {
    return { column: "reasons", found: "none", expected: `at least one for ${verdict}` };
  }
  if (reasons.includes("other") && comment.trim() === "") {
    return { column: "comment", found: "none", expected: "what the other reason is" };
  }
  return null;
}

const words = (code) => code.replaceAll("_", " ");

function inOrder(ratings) {
  const keyed = ratings.map((rating) => [`${rating.rated_at_utc}\n${rating.rater}\n${caseKey(rating)}`, rating]);
  keyed.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return keyed.map(([, rating]) => rating);
}

// All rows of both, each once, in the order of their time.
function joined(known, more) {
  return inOrder([...new Map([...known, ...more].map((rating) => [rowText(rating), rating])).values()]);
}

// The last rating of each rater.
const standing = (ratings) => new Map(ratings.map((rating) => [rating.rater, rating]));

const disagree = (ratings) => new Set([...standing(ratings).values()].map((r) => r.verdict)).size > 1;
