// Duration goes as far as the clip does, and comes back to what was wanted when the clip allows it again.

/** Connect the duration of `form`. Returns `follow(clip)`: the clip that now sets the limit, or null. */
export function limitDuration(form) {
  const number = form.elements.duration;
  const slider = number.closest("[data-measure]").querySelector("input[type=range]");
  const note = form.querySelector("[data-duration-note]");
  const longest = Number(number.max);
  let wanted = number.value;
  let clip = null;

  function apply() {
    const follows = clip !== null && form.elements.mode.value === "video";
    const end = follows ? Math.min(longest, Math.max(Math.ceil(clip.duration * 10 - 1e-6) / 10, Number(number.min))) : longest;
    number.max = slider.max = end;
    const value = wanted !== "" && Number(wanted) > end && follows ? String(end) : wanted;
    if (number.value !== value) number.value = value;
    number.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function say() {
    const whole = clip !== null && form.elements.mode.value === "video" && Number(number.value) >= clip.duration;
    note.textContent = whole ? "The whole clip" : "";
  }

  let applying = false;
  number.addEventListener("input", () => {
    if (!applying) wanted = number.value;
    say();
  });
  const settle = () => {
    applying = true;
    apply();
    applying = false;
  };
  for (const mode of form.elements.mode) mode.addEventListener("change", settle);

  return (chosen) => {
    clip = chosen;
    settle();
  };
}
