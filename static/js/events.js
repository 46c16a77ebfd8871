// What the engine saw: marks over the waveform, and where on the picture it was.

const LEAD = 0.25; // seconds before the event, so that it is seen and heard coming

/** Connect the `data-event` marks in `root`. Returns `jump(direction)`: to the next mark (1) or the one before (-1). */
export function connectEvents(root, player, waveform) {
  const marks = [...root.querySelectorAll("[data-event]")];
  const times = marks.map((mark) => Number(mark.dataset.event));
  const spots = root.querySelectorAll("[data-spot]");
  const before = (time) => Math.max(time - LEAD, 0);

  marks.forEach((mark, index) => {
    const point = () => {
      waveform.hover(times[index], mark.getAttribute("aria-label"));
      for (const spot of spots) {
        for (const name of ["x", "y", "size"]) spot.style.setProperty(`--${name}`, mark.dataset[name]);
        spot.hidden = false;
      }
    };
    const leave = () => {
      waveform.leave();
      for (const spot of spots) spot.hidden = true;
    };
    mark.addEventListener("click", () => player.seek(before(times[index])));
    mark.addEventListener("pointerenter", point);
    mark.addEventListener("pointerleave", leave);
    mark.addEventListener("focus", point);
    mark.addEventListener("blur", leave);
  });

  return (direction) => {
    const now = player.currentTime;
    const goals = times.map(before);
    const goal = direction > 0 ? goals.find((time) => time > now + 0.02) : goals.findLast((time) => time < now - 0.02);
    if (goal !== undefined) player.seek(goal);
  };
}
