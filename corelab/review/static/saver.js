// Saves after every stroke: one request at a time, the newest mask next, and never in silence.

import { Refusal, Unreachable } from "/static/server.js";

const WAITS_S = [1, 2, 4, 8];
// What time or the reader can mend without another stroke.
const PASSING = new Set(["sign_in", "idle", "earlier_page", "absent", "out_locked", "disk", "incident"]);

export class Saver {
  /**
   * @param {object} how
   * @param {() => Promise<Uint8Array>} how.pack the mask as it is now, as bytes to send
   * @param {(bytes: Uint8Array) => Promise<object>} how.send
   * @param {() => Promise<void>} how.settleStale decides what counts, then lets it be sent again
   * @param {(refusal: Refusal) => Promise<void>} how.regain log in again, where that is possible
   * @param {(state: {kind: string, message: string, strokes: number, isRetried: boolean}) => void}
   *   how.show
   */
  constructor({ pack, send, settleStale, regain, show }) {
    Object.assign(this, { _pack: pack, _send: send, _settleStale: settleStale, _regain: regain });
    this._show = show;
    this._strokes = 0;
    this._saved = 0;
    this._failures = 0;
    this._running = null;
    this._wake = () => {};
  }

  /** A stroke ended: the mask is to be saved. */
  touch() {
    this._strokes++;
    this._failures = 0;
    this._wake();
    this._running ??= this._run();
  }

  /** Ask at once instead of at the next try. */
  retry() {
    this._wake();
    if (this.isUnsaved) this._running ??= this._run();
  }

  get isUnsaved() {
    return this._saved < this._strokes;
  }

  /** Wait until all is saved; returns whether it is. */
  async settled() {
    this.retry();
    while (this.isUnsaved && this._running && this._failures === 0) {
      await Promise.race([this._running, pause(0.1)]);
    }
    return !this.isUnsaved;
  }

  async _run() {
    try {
      while (this.isUnsaved) {
        const strokes = this._strokes;
        this._tell("saving");
        if (!(await this._try(strokes))) return;
      }
    } finally {
      this._running = null;
    }
  }

  /** One request; returns whether it makes sense to go on. */
  async _try(strokes) {
    try {
      await this._send(await this._pack());
      this._saved = strokes;
      this._failures = 0;
      this._tell("saved");
      return true;
    } catch (error) {
      this._failures++;
      const isRetried = error instanceof Unreachable || PASSING.has(error.code);
      this._tell("unsaved", error.message, isRetried);
      if (error instanceof Unreachable) return this._wait();
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "stale") {
        await this._settleStale();
        return true;
      }
      if (!isRetried) return false;
      await this._regain(error);
      return this._wait();
    }
  }

  async _wait() {
    const seconds = WAITS_S[Math.min(this._failures, WAITS_S.length) - 1];
    await Promise.race([pause(seconds), new Promise((resolve) => (this._wake = resolve))]);
    return true;
  }

  _tell(kind, message = "", isRetried = false) {
    this._show({ kind, message, strokes: this._strokes - this._saved, isRetried });
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
