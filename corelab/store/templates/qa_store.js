// Where ratings are kept: in this browser for a page that was opened as a file, else in the ledger.

class NotSaved extends Error {}

// Nothing was done for a while: the passphrase is wanted again.
class Locked extends NotSaved {}

// One entry an image: a rerun keeps the ratings of what it left as it was.
class BrowserStore {
  #prefix = `corelab-qa/${page.trial}/`;

  get rater() {
    return this.#get("rater") ?? "";
  }

  set rater(name) {
    this.#set("rater", name);
  }

  get last() {
    return this.#get("last");
  }

  set last(caseId) {
    this.#set("last", caseId);
  }

  async load() {
    const found = [];
    for (const key of this.#keys()) found.push(...JSON.parse(localStorage.getItem(key)));
    return { ratings: joined([], found), queries: [] };
  }

  async add(ratings) {
    for (const rating of ratings) {
      const key = this.#key(rating);
      // Another window may have added to it since.
      const known = JSON.parse(localStorage.getItem(key) ?? "[]");
      this.#write(key, JSON.stringify(joined(known, [rating])));
    }
  }

  async take(ratings) {
    await this.add(ratings);
  }

  async clear() {
    for (const key of this.#keys()) localStorage.removeItem(key);
  }

  isOf(key) {
    return key === null || key.startsWith(`${this.#prefix}image/`);
  }

  #key(rating) {
    return `${this.#prefix}image/${rating.image_sha256}`;
  }

  #keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(`${this.#prefix}image/`));
  }

  #get(name) {
    try {
      return localStorage.getItem(this.#prefix + name);
    } catch {
      return null;
    }
  }

  #set(name, text) {
    this.#write(this.#prefix + name, text);
  }

  #write(key, text) {
    try {
      localStorage.setItem(key, text);
    } catch (error) {
      throw new NotSaved(`this browser keeps nothing (${error.name}): export to a file`);
    }
  }
}

// The reading room: its session says who rates, and its ledger when.
class LedgerStore {
  #me = { name: "", csrf: "" };
  #place = `corelab-qa/${page.trial}/last`;

  get rater() {
    return this.#me.name;
  }

  get last() {
    return sessionStorage.getItem(this.#place);
  }

  set last(caseId) {
    sessionStorage.setItem(this.#place, caseId);
  }

  async load() {
    this.#me = await this.#ask("/api/me");
    return this.#ask("/api/qa");
  }

  async isOut() {
    return (await this.#ask("/api/me")).presence === "signed_out";
  }

  async add(ratings) {
    for (const { subject_code, visit, ...said } of ratings) {
      await this.#post(`/api/qa/${subject_code}-${visit}/verdict`, said);
    }
  }

  async take(ratings) {
    await this.#post("/api/qa/import", { format: FORMAT, ratings });
  }

  async query(row, text) {
    await this.#post(`/api/qa/${row.dataset.code}-${row.dataset.visit}/query`, { text });
  }

  async answer(queryId, text) {
    await this.#post(`/api/queries/${queryId}/answer`, { text });
  }

  overlay(row) {
    return `/api/qa/${row.dataset.code}-${row.dataset.visit}/overlay`;
  }

  async unlock(passphrase) {
    this.#me = await this.#post("/api/unlock", { passphrase });
  }

  async leave() {
    await this.#post("/api/logout", {});
  }

  #post(path, content) {
    const headers = { "Content-Type": "application/json", "X-Corelab-Csrf": this.#me.csrf };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(content) });
  }

  async #ask(path, options) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new NotSaved("the reading room does not answer");
    }
    const content = await answer.json().catch(() => ({}));
    if (answer.ok) return content;
    const why = content.message ?? `the reading room refused it (${answer.status})`;
    throw content.error === "idle" ? new Locked(why) : new NotSaved(why);
  }
}

const isServed = "room" in page;
// Only shown by a server: its address is another one each time, and so is the browser's store.
const isShownOnly = !isServed && location.protocol !== "file:";
const store = isServed ? new LedgerStore() : new BrowserStore();
