// Result, meaning and passphrase: what closes a read, and what takes a signed one up again.

import { Refusal } from "/static/server.js";

const byId = (id) => document.getElementById(id);
const RESULTS = {
  infarct: "Infarct, as the mask shows it",
  no_infarct: "No infarct (the mask is empty)",
  not_assessable: "Not assessable",
};
const FIELDS = {
  wrong_passphrase: "passphrase",
  too_many_attempts: "passphrase",
  fault: "result",
  mask_unfit: "result",
};

/** What a form lacks, and where. */
class Missing extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

export class Signing {
  /**
   * @param {object} read what the server says of it
   * @param {object} how
   * @param {Server} how.server
   * @param {() => Promise<number | null>} how.saved saves, then gives the edition; null in vain
   * @param {(answer: object) => void} how.signed
   * @param {() => void} how.amending
   * @param {() => void} how.hold keeps the mask as it is, for as long as a form is on its way
   * @param {() => void} how.letGo
   */
  constructor(read, { server, saved, signed, amending, hold, letGo }) {
    Object.assign(this, { _server: server, _saved: saved, _signed: signed, _amending: amending });
    Object.assign(this, { _hold: hold, _letGo: letGo });
    byId("results").append(
      ...read.results.map((value) => choice("radio", "result", value, RESULTS[value] ?? value)),
    );
    byId("reasons").append(
      ...read.reasons.map(({ code, text }) => choice("checkbox", "reason", code, text)),
    );
    byId("meaning-text").textContent = read.meaning;
    byId("results").addEventListener("change", () => this._showReasons());
    byId("sign").addEventListener("submit", (event) => this._submit(event, () => this._sign()));
    byId("amend").addEventListener("submit", (event) => this._submit(event, () => this._amend()));
    this._showReasons();
  }

  get result() {
    return document.querySelector("input[name=result]:checked")?.value ?? null;
  }

  focus() {
    const form = byId("sign").hidden ? byId("amend") : byId("sign");
    form.scrollIntoView({ block: "nearest" });
    form.querySelector("input, textarea").focus();
  }

  _showReasons() {
    byId("reasons-box").hidden = this.result !== "not_assessable";
  }

  async _submit(event, act) {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button[type=submit]");
    for (const fault of form.querySelectorAll(".fault")) say(fault, "");
    // What is signed is what the screen shows, mask and form, until the answer is there.
    this._hold();
    form.inert = button.disabled = true;
    const error = await act().catch((reason) => reason);
    form.inert = button.disabled = false;
    this._letGo();
    for (const secret of form.querySelectorAll("input[type=password]")) secret.value = "";
    if (error) this._refused(form, error);
  }

  async _sign() {
    if (!this.result) throw new Missing("result", "Choose a result.");
    const reasons = [...document.querySelectorAll("input[name=reason]:checked")];
    if (this.result === "not_assessable" && !reasons.length) {
      throw new Missing("reason", "Give at least one reason.");
    }
    if (!byId("meaning").checked) throw new Missing("meaning", "Confirm what the signature means.");
    const passphrase = byId("passphrase").value;
    if (!passphrase) throw new Missing("passphrase", "Enter your passphrase.");
    const edition = await this._saved();
    if (edition === null) {
      throw new Missing("sign", "The mask is not saved yet, so nothing was signed.");
    }
    const answer = await this._server.sign({
      edition,
      result: this.result,
      reasons: this.result === "not_assessable" ? reasons.map((box) => box.value) : [],
      comment: byId("comment").value,
      passphrase,
      meaning_accepted: true,
    });
    await this._signed(answer);
  }

  async _amend() {
    const reason = byId("amend-reason").value.trim();
    if (!reason) throw new Missing("reason", "Say why you amend the read.");
    const passphrase = byId("amend-passphrase").value;
    if (!passphrase) throw new Missing("passphrase", "Enter your passphrase.");
    await this._server.amend({ reason, passphrase });
    this._amending();
  }

  _refused(form, error) {
    const code = error instanceof Refusal ? error.code : "";
    const prefix = form.id === "amend" ? "amend-" : "";
    const named = error.field && byId(`${prefix}${error.field}-fault`) ? error.field : FIELDS[code];
    this._ask(named ? prefix + named : form.id, error.message);
  }

  _ask(field, message) {
    const fault = byId(`${field}-fault`) ?? byId("sign-fault");
    say(fault, message);
    const input = byId(field) ?? document.querySelector(`input[name=${field}]`);
    (input?.matches("input, textarea") ? input : fault).focus();
    fault.scrollIntoView({ block: "nearest" });
  }
}

function say(fault, message) {
  fault.textContent = message;
  fault.hidden = !message;
}

function choice(type, name, value, words) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type, name, value });
  input.setAttribute("aria-describedby", `${name}-fault`);
  label.append(input, ` ${words}`);
  // Chosen with the mouse, it lets go of the arrow keys: they turn slices, never a result.
  input.addEventListener("click", (event) => event.detail && input.blur());
  return label;
}
