// Which of several players is heard: one button on each, pressed on the one that is.

/** Connect the `data-hear` buttons in `root`, which name the id of their media element. Returns a function that switches. */
export function connectHearing(root, player) {
  const buttons = [...root.querySelectorAll("[data-hear]")];
  const elementOf = (button) => document.getElementById(button.dataset.hear);
  function show() {
    for (const button of buttons) {
      const heard = elementOf(button) === player.heard;
      button.setAttribute("aria-pressed", String(heard));
      button.closest("[data-tile]").toggleAttribute("data-heard", heard);
    }
  }
  for (const button of buttons) button.addEventListener("click", () => (player.heard = elementOf(button)));
  player.addEventListener("change", show);
  show();
  return () => {
    const other = buttons.find((button) => elementOf(button) !== player.heard);
    if (other) player.heard = elementOf(other);
  };
}
