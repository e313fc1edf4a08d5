// How a page talks to the server: one place for the header that proves the page is ours.

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let known = null;

export async function me() {
  known = await ask("GET", "/api/me");
  return known;
}

export async function ask(method, url, content) {
  const headers = {};
  if (method !== "GET") {
    headers["X-Corelab-Csrf"] = (known ?? (await me())).csrf;
    headers["Content-Type"] = "application/json";
  }
  const body = content === undefined ? undefined : JSON.stringify(content);
  let answer;
  try {
    answer = await fetch(url, { method, headers, body, cache: "no-store", redirect: "error" });
  } catch {
    throw new Refused(0, "no_answer", "The server does not answer. Is it still running?");
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok && told) return told;
  if (told?.error) throw new Refused(answer.status, told.error, told.message);
  throw new Refused(
    answer.status, "ended",
    "This page has no access any more: open the link that the server printed when it was started.",
  );
}
