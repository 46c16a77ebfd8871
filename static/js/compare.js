// Two takes of a clip over its picture: played as one, one of them heard, at one loudness if wanted.

import { connectHearing } from "./hearing.js";
import { LockedPlayers } from "./locked-players.js";
import { connectShortcuts } from "./shortcuts.js";
import { connectTransport } from "./transport.js";
import { connectWaveform } from "./waveform.js";

const root = document.querySelector("[data-compare]");
if (root) open();

function open() {
  const takes = [...root.querySelectorAll("[data-take]")];
  const player = new LockedPlayers([...takes, ...root.querySelectorAll("video")], Number(root.dataset.fps));
  connectTransport(root, player);
  for (const tile of root.querySelectorAll("[data-tile]")) connectWaveform(tile, player);
  const other = connectHearing(root, player);
  const match = root.querySelector("[data-match]");

  function level() {
    const matched = match?.getAttribute("aria-pressed") === "true";
    for (const take of takes) player.setGain(take, matched ? Number(take.dataset.gain) : 1);
  }

  match?.addEventListener("click", () => {
    match.setAttribute("aria-pressed", String(match.getAttribute("aria-pressed") !== "true"));
    level();
  });
  level();
  const move = (seconds) => () => player.seek(player.currentTime + seconds);
  connectShortcuts({
    " ": () => player.toggle(),
    k: () => player.toggle(),
    ArrowLeft: move(-1),
    ArrowRight: move(1),
    "Shift+ArrowLeft": move(-0.1),
    "Shift+ArrowRight": move(0.1),
    ",": () => player.step(-1),
    ".": () => player.step(1),
    m: () => (player.muted = !player.muted),
    l: () => (player.loop = !player.loop),
    s: other,
  });
}
