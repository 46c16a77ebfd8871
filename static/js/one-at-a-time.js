// Of the players on a page one plays: the one that was started last. Those that play as one count as one.

document.addEventListener(
  "play",
  (event) => {
    const group = event.target.closest("[data-compare]");
    for (const other of document.querySelectorAll("video, audio")) {
      const together = group?.contains(other) || other === event.target;
      if (!together && !other.paused) stop(other);
    }
  },
  true, // media events don't bubble
);

function stop(player) {
  const toggle = player.closest("[data-compare]")?.querySelector('[data-action="toggle"]');
  if (toggle?.getAttribute("aria-label") === "Pause") toggle.click();
  else player.pause();
}
