// One press sends the form once; while a clip is on its way the button waits.

/** Returns `busy(sentence)`: what the form waits for, "" for nothing. */
export function submitOnce(form) {
  const button = form.querySelector("[data-submit]");
  const label = button.querySelector("[data-submit-label]");
  const resting = label.textContent;
  const disabled = button.disabled;
  let waiting = "";

  function show(sentence) {
    label.textContent = sentence || resting;
    button.disabled = disabled || Boolean(sentence);
  }

  form.addEventListener("submit", (event) => {
    if (waiting || button.disabled) event.preventDefault();
    else show("Sending…");
  });
  // Coming back to this page by the back button finds it as it was left.
  addEventListener("pageshow", (event) => {
    if (event.persisted) show(waiting);
  });

  return (sentence) => {
    waiting = sentence;
    show(sentence);
  };
}
