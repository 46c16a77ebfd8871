// Buttons that copy the text in their `data-copy`, and say so for a moment.

export function connectCopying(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return; // no permission, or no secure connection: the text is there to be selected
    }
    button.toggleAttribute("data-copied", true);
    setTimeout(() => button.toggleAttribute("data-copied", false), 1500);
  });
}
