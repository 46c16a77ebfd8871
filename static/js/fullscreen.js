// Full screen for the whole player, or for one of its pictures.

/** Connect the `data-fullscreen` buttons in `root`: empty for the whole player, else the id of one media element. */
export function connectFullscreen(root) {
  const show = (id) => {
    for (const tile of root.querySelectorAll("[data-tile]")) {
      tile.toggleAttribute("data-aside", Boolean(id) && !tile.querySelector(`#${id}`));
    }
  };
  async function enter(id) {
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return;
    }
    if (!root.requestFullscreen) {
      // iPhones show a single video only.
      (document.getElementById(id) ?? root.querySelector("video"))?.webkitEnterFullscreen?.();
      return;
    }
    show(id);
    await root.requestFullscreen().catch(() => show(""));
  }
  root.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) show("");
  });
  for (const button of root.querySelectorAll("[data-fullscreen]")) {
    button.addEventListener("click", () => enter(button.dataset.fullscreen));
  }
  for (const video of root.querySelectorAll("video")) {
    video.addEventListener("dblclick", () => enter(video.id));
  }
  return () => enter("");
}
