import { ask } from "/static/talk.js";

document.getElementById("leave").addEventListener("click", async () => {
  await ask("POST", "/api/logout", {}).catch(() => {});
  location.assign("/");
});
