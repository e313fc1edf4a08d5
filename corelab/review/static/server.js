// The one door to the server: every request, and every way in which one can fail.

/** The server said no, and why. */
export class Refusal extends Error {
  constructor(status, code, message, field) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

// Browsers let a request outlive its page only up to this size.
const OUTLIVING_BYTES = 60_000;

export class Server {
  constructor(readId) {
    this._read = `/api/reads/${encodeURIComponent(readId)}`;
    this._csrf = "";
  }

  /** Who is logged in; takes over what pages of this login know. */
  async me() {
    const me = await this._json("GET", "/api/me");
    this._csrf = me.csrf;
    return me;
  }

  read() {
    return this._json("GET", this._read);
  }

  async image(url) {
    const answer = await this._fetch("GET", url);
    return answer.arrayBuffer();
  }

  /** A mask's bytes and the edition that they are. */
  async mask(url = `${this._read}/mask`) {
    const answer = await this._fetch("GET", url);
    return { buffer: await answer.arrayBuffer(), edition: editionOf(answer) };
  }

  /** Save a mask over an edition; `gzipped` are the bytes of the file, packed. */
  async save(gzipped, edition) {
    const answer = await this._fetch("PUT", `${this._read}/mask`, {
      body: gzipped,
      keepalive: gzipped.byteLength < OUTLIVING_BYTES,
      headers: {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "gzip",
        "If-Match": `"${edition}"`,
      },
    });
    return answer.json();
  }

  sign(content) {
    return this._json("POST", `${this._read}/sign`, content);
  }

  amend(content) {
    return this._json("POST", `${this._read}/amend`, content);
  }

  async unlock(passphrase) {
    await this._json("POST", "/api/unlock", { passphrase });
    return this.me();
  }

  async _json(method, url, content) {
    const body = content === undefined ? undefined : JSON.stringify(content);
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const answer = await this._fetch(method, url, { body, headers });
    const text = await answer.text();
    return text ? JSON.parse(text) : {};
  }

  async _fetch(method, url, { headers = {}, ...rest } = {}) {
    let answer;
    try {
      answer = await fetch(url, {
        method,
        cache: "no-store",
        redirect: "error",
        headers: method === "GET" ? headers : { ...headers, "X-Corelab-Csrf": this._csrf },
        ...rest,
      });
    } catch {
      throw new Unreachable("The server does not answer.");
    }
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }
}

function editionOf(answer) {
  return Number((answer.headers.get("ETag") ?? "0").replaceAll('"', ""));
}

async function refusalOf(answer) {
  const text = await answer.text();
  try {
    const { error, message, field } = JSON.parse(text);
    return new Refusal(answer.status, error, message, field);
  } catch {
    const words = answer.status === 404 ? "The server does not know this page (any more)." : text;
    return new Refusal(answer.status, answer.status === 404 ? "absent" : "incident", words.trim());
  }
}
