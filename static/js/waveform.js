// The waveform: a slider over the whole clip that shows what is heard where.
//
// Drawn as one SVG path in device-independent pixels, so that themes, screen densities and the playhead are CSS alone;
// only a new width needs a new path.

import { clock, spoken } from "./times.js";

const BAR = 2; // pixels
const GAP = 1;
const LEAST = 1.5; // pixels: silence is a thin line, not nothing
const FULL = 0.94; // of the height, for the loudest moment: what is loud beside what is seen in a quiet mix too
const FAINT = 0.02; // full scale; sound that stays below it is not drawn larger than it is

/**
 * Connect the `data-waveform` slider in `root` to a `LockedPlayers`. `data-peaks` are the lowest and highest sample
 * (-1..1) of equal stretches, in turn, together `data-seconds` long. Returns `hover(time, text)` and `leave()` for its
 * bubble, and `onSelect(call)`: from then on dragging with Shift calls `call(from, to)`, in seconds, instead of seeking.
 */
export function connectWaveform(root, player) {
  const slider = root.querySelector("[data-waveform]");
  const bubble = root.querySelector("[data-bubble]");
  const peaks = (slider.dataset.peaks || "").split(",").filter(Boolean).map(Number);
  const duration = () => player.duration || Number(slider.dataset.duration);

  function draw() {
    const { width, height } = slider.getBoundingClientRect();
    const covered = (width * Math.min(Number(slider.dataset.seconds), duration())) / duration();
    const path = bars(peaks, covered, height);
    for (const shape of slider.querySelectorAll("path")) shape.setAttribute("d", path);
    slider.parentElement.style.setProperty("--duration", String(duration()));
  }

  function show() {
    slider.parentElement.style.setProperty("--at", String(player.currentTime));
    slider.setAttribute("aria-valuemax", duration().toFixed(2));
    slider.setAttribute("aria-valuenow", player.currentTime.toFixed(2));
    slider.setAttribute("aria-valuetext", `${spoken(player.currentTime)} of ${spoken(duration())}`);
  }

  const timeUnder = (event) => {
    const box = slider.getBoundingClientRect();
    return duration() * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };

  function hover(time, text) {
    bubble.hidden = false;
    bubble.textContent = text;
    slider.parentElement.style.setProperty("--hover", String(time));
    const share = time / duration();
    bubble.style.setProperty("--shift", `${-100 * share}%`); // stays inside: left-aligned at the start, right at the end
  }

  let select = null;
  let selectingFrom = null;

  slider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    slider.setPointerCapture(event.pointerId);
    if (select && event.shiftKey) {
      selectingFrom = timeUnder(event);
      return;
    }
    player.startScrubbing();
    player.seek(timeUnder(event));
  });
  slider.addEventListener("pointermove", (event) => {
    const time = timeUnder(event);
    hover(time, clock(time));
    if (!slider.hasPointerCapture(event.pointerId)) return;
    if (selectingFrom === null) player.seek(time);
    else select(Math.min(selectingFrom, time), Math.max(selectingFrom, time));
  });
  slider.addEventListener("lostpointercapture", () => {
    if (selectingFrom === null) player.stopScrubbing();
    selectingFrom = null;
  });
  slider.addEventListener("pointerleave", () => (bubble.hidden = true));
  slider.addEventListener("keydown", (event) => {
    const goal = { Home: 0, End: duration(), PageUp: player.currentTime + 5, PageDown: player.currentTime - 5 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    player.seek(goal);
  });

  player.addEventListener("tick", show);
  player.addEventListener("change", show);
  let known = 0;
  player.addEventListener("change", () => {
    if (duration() === known) return;
    known = duration();
    draw();
  });
  new ResizeObserver(draw).observe(slider);
  show();
  return { hover, leave: () => (bubble.hidden = true), onSelect: (call) => (select = call) };
}

/** Bars from the lowest to the highest sample, over `width` x `height` pixels, as the `d` of an SVG path. */
export function bars(peaks, width, height) {
  const stretches = peaks.length / 2;
  const count = Math.floor(width / (BAR + GAP));
  const loudest = peaks.reduce((most, sample) => Math.max(most, Math.abs(sample)), FAINT);
  let path = "";
  for (let bar = 0; bar < count; bar += 1) {
    const from = Math.floor((bar * stretches) / count);
    const to = Math.max(Math.floor(((bar + 1) * stretches) / count), from + 1);
    const samples = peaks.slice(2 * from, 2 * to);
    const y = (sample) => ((1 - (FULL * sample) / loudest) * height) / 2;
    const top = Math.min(y(Math.max(0, ...samples)), (height - LEAST) / 2);
    const bottom = Math.max(y(Math.min(0, ...samples)), (height + LEAST) / 2);
    path += `M${bar * (BAR + GAP)} ${top.toFixed(1)}h${BAR}V${bottom.toFixed(1)}h-${BAR}z`;
  }
  return path;
}
