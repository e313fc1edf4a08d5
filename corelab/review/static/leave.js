import { ask } from "/static/talk.js";

const button = document.getElementById("leave");

button.addEventListener("click", async () => {
  await ask("POST", "/api/logout", {}).catch(() => {});
  location.assign("/");
});
// Before this script listens a click would be lost, and who clicked would believe to be out.
button.disabled = false;
