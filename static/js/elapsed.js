// Counts on, second by second, from the time the server said had passed.

/** Keep the `data-elapsed` element in `root` counting. Returns a function to call when the server has spoken again. */
export function countElapsed(root) {
  let since = performance.now();
  function show() {
    const element = root.querySelector("[data-elapsed]");
    if (!element) return;
    const seconds = Math.floor(Number(element.dataset.elapsed) + (performance.now() - since) / 1000);
    const text = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    if (element.textContent !== text) element.textContent = text;
  }
  setInterval(show, 250);
  return () => {
    since = performance.now();
    show();
  };
}
