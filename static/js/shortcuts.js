// A player's keys, listening on the whole page except where someone types.

const TYPING = "input:not([type=range]), textarea, select, [contenteditable]";

/** Call `actions[key]` for a key pressed; "Shift+ArrowLeft" names a key with Shift. Ends when `signal` aborts. */
export function connectShortcuts(actions, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target instanceof Element ? event.target : document.body;
      if (target.closest(TYPING)) return;
      // Space and Enter belong to the button or link that has the focus.
      if ((event.key === " " || event.key === "Enter") && target.closest("button, a, summary")) return;
      // A range input moves with the arrow keys by itself.
      if (event.key.startsWith("Arrow") && target.matches("input[type=range]")) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = (event.shiftKey && actions[`Shift+${key}`]) || actions[key];
      if (!action) return;
      event.preventDefault();
      action();
    },
    { signal },
  );
}
