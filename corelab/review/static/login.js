import { ask, me } from "/static/talk.js";

const part = (id) => document.getElementById(id);
const ROLES = { reader: "Reading room", qa: "Quality review", statistician: "Tables" };
let isIdle = false;

async function begin() {
  const told = await me();
  part("title").textContent = ROLES[told.role] ?? "corelab";
  document.title = `${part("title").textContent} - corelab`;
  isIdle = told.presence === "idle";
  part("who").hidden = isIdle;
  part("other").hidden = !isIdle;
  if (isIdle) {
    part("name").value = told.name;
    const minutes = Math.round(told.idle_s / 60);
    const after = minutes ? ` after ${minutes} minute${minutes === 1 ? "" : "s"} without work` : "";
    part("lead").textContent = `${told.name}, the room was locked${after}. Nothing is lost.`;
    part("go").textContent = "Go on";
  }
  part(isIdle ? "passphrase" : "name").focus();
}

async function enter(event) {
  event.preventDefault();
  const name = part("name").value.trim();
  const passphrase = part("passphrase").value;
  const empty = name ? (passphrase ? null : "passphrase") : "name";
  if (empty) {
    part("message").textContent = `Give your ${empty}.`;
    part(empty).focus();
    return;
  }
  part("go").disabled = true;
  part("message").textContent = "";
  try {
    await ask("POST", isIdle ? "/api/unlock" : "/api/login", isIdle ? { passphrase } : { name, passphrase });
    location.reload();
  } catch (refused) {
    part("message").textContent = refused.message;
    part("passphrase").value = "";
    part("passphrase").focus();
    if (refused.code === "earlier_page" || refused.code === "sign_in") await begin();
  } finally {
    part("go").disabled = false;
  }
}

part("login").addEventListener("submit", enter);
// Before this script listens a click would be lost without a word.
part("go").disabled = false;
part("other").addEventListener("click", async () => {
  await ask("POST", "/api/logout", {});
  location.reload();
});
part("passphrase").addEventListener("keyup", (event) => {
  const isOn = event.getModifierState?.("CapsLock") ?? false;
  part("capitals").textContent = isOn ? "Caps Lock is on." : "";
});
begin().catch((refused) => { part("message").textContent = refused.message; });
