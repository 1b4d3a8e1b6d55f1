"use strict";
const state = document.getElementById("state");
async function look() {
  let pause = 1000;
  try {
    const answer = await fetch(state.dataset.status, { headers: { accept: "application/json" }, cache: "no-store" });
    const found = await answer.json();
    if (found.state === "ready") {
      state.textContent = "Done. Here you go.";
      location.replace(found.location);
      return;
    }
    if (found.state === "waiting") {
      document.getElementById("long").hidden = !found.long;
    } else if (answer.status !== 503) {
      location.reload();
      return;
    }
  } catch {
    pause = 3000;
  }
  setTimeout(look, pause);
}
setTimeout(look, 500);
