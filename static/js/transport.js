// The transport: buttons, rate, volume and time of a player, and their state shown back.

import { clock } from "./times.js";

/** Connect the controls in `root` (`data-action`, `data-control`, `data-show`) to a `LockedPlayers`. */
export function connectTransport(root, player) {
  const find = (selector) => root.querySelector(selector);
  const actions = {
    toggle: () => player.toggle(),
    loop: () => (player.loop = !player.loop),
    mute: () => (player.muted = !player.muted),
  };
  for (const [name, act] of Object.entries(actions)) {
    for (const button of root.querySelectorAll(`[data-action="${name}"]`)) button.addEventListener("click", act);
  }
  const rate = find('[data-control="rate"]');
  const volume = find('[data-control="volume"]');
  rate.addEventListener("change", () => (player.rate = Number(rate.value)));
  volume.addEventListener("input", () => (player.volume = Number(volume.value)));

  const toggle = find('button[data-action="toggle"]');
  const loop = find('[data-action="loop"]');
  const mute = find('[data-action="mute"]');
  function showState() {
    root.dataset.state = player.paused ? "paused" : "playing";
    root.toggleAttribute("data-buffering", player.buffering);
    toggle.setAttribute("aria-label", player.paused ? "Play" : "Pause");
    loop.setAttribute("aria-pressed", String(player.loop));
    mute.setAttribute("aria-pressed", String(player.muted));
    rate.value = String(player.rate);
    volume.value = String(player.muted ? 0 : player.volume);
    volume.style.setProperty("--filled", volume.value);
    showTime();
  }

  const time = find('[data-show="time"]');
  const duration = find('[data-show="duration"]');
  const frame = find('[data-show="frame"]');
  function showTime() {
    time.textContent = clock(player.currentTime);
    if (player.duration) duration.textContent = clock(player.duration);
    if (frame) frame.textContent = String(player.frame);
    root.dataset.driftMs = (player.drift * 1000).toFixed(1);
  }

  player.addEventListener("change", showState);
  player.addEventListener("tick", showTime);
  showState();
}
