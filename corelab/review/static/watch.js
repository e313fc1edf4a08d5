// Locks the screen when nobody is there, as the server does, and tells it that somebody is.

const byId = (id) => document.getElementById(id);
const LONGEST_SILENCE_S = 60;
const LONGEST_PAUSE_S = 5;
const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "keydown", "wheel"];

export class Watch {
  /**
   * @param {Server} server
   * @param {number} idleS seconds after which the server locks
   * @param {() => void} unlocked
   */
  constructor(server, idleS, unlocked) {
    Object.assign(this, { _server: server, _idleS: idleS, _unlocked: unlocked });
    this._seen = Date.now();
    this._told = Date.now();
    for (const sign of SIGNS_OF_LIFE) {
      document.addEventListener(sign, () => (this._seen = Date.now()), { passive: true });
    }
    byId("lock").addEventListener("cancel", (event) => event.preventDefault());
    byId("unlock").addEventListener("submit", (event) => this._unlock(event));
    // Often enough that whoever works is never locked out, however short the lock's patience.
    this._tellS = Math.min(LONGEST_SILENCE_S, idleS / 4);
    setInterval(() => this._look(), Math.min(LONGEST_PAUSE_S, idleS / 8) * 1000);
  }

  /** Cover the page until its reader's passphrase is given. */
  lock() {
    if (byId("lock").open) return;
    for (const dialog of document.querySelectorAll("dialog[open]")) {
      if (dialog.id !== "stale") dialog.close();
    }
    document.body.classList.add("locked");
    byId("lock").showModal();
  }

  async _look() {
    const now = Date.now();
    if (byId("lock").open) return;
    if (now - this._seen > this._idleS * 1000) return this.lock();
    if (this._seen > this._told && now - this._told > this._tellS * 1000) {
      this._told = now;
      try {
        await this._server.read();
      } catch (error) {
        if (error.code === "idle") this.lock();
      }
    }
  }

  async _unlock(event) {
    event.preventDefault();
    const field = byId("unlock-passphrase");
    const fault = byId("unlock-fault");
    fault.hidden = true;
    try {
      await this._server.unlock(field.value);
      this._seen = this._told = Date.now();
      document.body.classList.remove("locked");
      byId("lock").close();
      this._unlocked();
    } catch (error) {
      fault.textContent = error.message;
      fault.hidden = false;
      field.focus();
    } finally {
      field.value = "";
    }
  }
}
