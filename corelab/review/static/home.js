import "/static/leave.js";
import { ask, me } from "/static/talk.js";

const part = (id) => document.getElementById(id);
const WORDS = {
  assigned: "not begun", opened: "opened", draft: "draft saved", signed: "signed",
  amending: "being amended",
};

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function row(read) {
  const isOpen = read.is_next || read.state !== "assigned";
  const line = document.createElement(isOpen ? "a" : "div");
  line.className = `read ${isOpen ? (read.is_next ? "next" : read.state) : "later"}`;
  if (isOpen) line.href = `/read/${read.id}`;
  const name = read.kind === "adjudication" ? "Judgement" : "Read";
  line.append(element("span", "number", `${name} ${read.number}`));
  line.append(element("span", "state", read.is_next ? "next" : WORDS[read.state]));
  if (isOpen) line.append(element("span", "act", read.state === "signed" ? "look" : read.is_next ? "open" : "go on"));
  const item = document.createElement("li");
  item.append(line);
  return item;
}

function fill(list, section, reads) {
  part(section).hidden = reads.length === 0;
  part(list).replaceChildren(...reads.map(row));
}

function show(reads) {
  const signed = reads.filter((read) => read.state === "signed").length;
  const isDone = signed === reads.length;
  part("count").textContent = reads.length === 0
    ? "Nothing is assigned to you yet."
    : `${signed} of ${reads.length} signed.${isDone ? " All done, thank you." : ""}`;
  part("progress").hidden = reads.length === 0;
  part("progress").max = Math.max(reads.length, 1);
  part("progress").value = signed;
  fill("adjudication-list", "adjudications", reads.filter((read) => read.kind === "adjudication"));
  fill("read-list", "own", reads.filter((read) => read.kind === "read"));
  const begun = reads.find((read) => ["opened", "draft", "amending"].includes(read.state));
  const next = begun ?? reads.find((read) => read.is_next);
  part("next").hidden = !next;
  if (next) {
    part("next").href = `/read/${next.id}`;
    part("next").textContent = begun ? "Go on with the read you began" : "Open the next read";
    // Whoever went somewhere else already is not moved.
    if (document.activeElement === document.body) part("next").focus();
  }
}

function step(by) {
  const links = [...document.querySelectorAll("a.read")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "n" && !part("next").hidden) part("next").click();
  else if (event.key === "ArrowDown") step(1);
  else if (event.key === "ArrowUp") step(-1);
  else return;
  event.preventDefault();
});

async function begin() {
  part("person").textContent = (await me()).name;
  show((await ask("GET", "/api/reads")).reads);
}

begin().catch((refused) => {
  if (refused.status === 401) location.reload();
  else part("message").textContent = refused.message;
});
