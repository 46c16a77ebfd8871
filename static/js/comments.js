// Comments on a sound: written at the playhead or on a range, marked under the waveform, sent without a reload.
//
// The threads are what the server renders; this module keeps no copy of them. A new comment's place follows the playhead
// until somebody types, or chooses it: with I and O, by dragging over the waveform with Shift, or as a time in words.

import { watch } from "./live.js";
import { connectMentions } from "./mentions.js";
import { Refusal, send } from "./server.js";
import { clock, seconds } from "./times.js";

const LEAST_MARK = 24; // pixels
const ROWS = 3; // of marks that would cover one another

/**
 * Bring the comments in `root` to life. `say` announces a sentence, `trouble` shows one until it is "". Returns
 * `attach(stage, player, waveform, signal)` for the player there is now, until `signal` aborts: the actions of its keys.
 */
export function connectComments(root, { say, trouble }) {
  const form = root.querySelector("[data-new-comment]");
  const threads = root.querySelector("[data-threads]");
  const start = form?.querySelector("[data-start]");
  const end = form?.querySelector("[data-end]");
  const text = form?.querySelector("textarea");
  let player = null;
  let stage = null;
  let waveform = null;
  let follows = true; // whether the place of a new comment is the playhead's

  connectMentions(root, say); // before the keys below: Escape closes its list first

  // Where a new comment will be

  function showSelection() {
    const selection = stage?.querySelector("[data-selection]");
    if (!selection) return;
    const [from, to] = [seconds(start.value), seconds(end.value)].sort((one, other) => one - other);
    selection.hidden = follows || !end.value || Number.isNaN(from) || Number.isNaN(to);
    selection.style.setProperty("--from", String(from));
    selection.style.setProperty("--to", String(to));
  }

  function follow() {
    if (!follows || !player || !form) return;
    start.value = clock(player.currentTime);
  }

  function place(from, to) {
    follows = false;
    start.value = clock(from);
    end.value = to === null ? "" : clock(to);
    showSelection();
  }

  function release() {
    follows = true;
    end.value = "";
    follow();
    showSelection();
  }

  const points = {
    start: () => place(player.currentTime, end.value && seconds(end.value) > player.currentTime ? seconds(end.value) : null),
    end: () => {
      const from = follows ? 0 : seconds(start.value) || 0;
      place(Math.min(from, player.currentTime), Math.max(from, player.currentTime));
    },
    none: release,
  };
  const write = () => text?.focus();

  if (form) {
    form.querySelector("[data-scripted]").hidden = false;
    for (const button of form.querySelectorAll("[data-point]")) {
      button.addEventListener("click", () => player && points[button.dataset.point]());
    }
    text.addEventListener("input", () => {
      if (follows && text.value) {
        follows = false;
        player?.pause();
      } else if (!text.value && !end.value) release();
    });
    for (const input of [start, end]) {
      input.addEventListener("input", () => {
        follows = false;
        showSelection();
      });
    }
  }

  // Sending, of every form in here

  function complain(sent, sentence, name) {
    sent.querySelector(".field-error")?.remove();
    const fields = [...sent.elements].filter((one) => one.name);
    for (const one of fields) {
      one.removeAttribute("aria-invalid");
      one.removeAttribute("aria-describedby");
    }
    if (!sentence) return;
    const field = fields.find((one) => one.name === name && one.type !== "hidden") ?? sent.querySelector("textarea");
    const error = Object.assign(document.createElement("p"), { className: "field-error", id: "comment-error" });
    error.setAttribute("role", "alert");
    error.textContent = sentence;
    sent.querySelector(".comment-send")?.before(error);
    if (!sent.querySelector(".comment-send")) sent.append(error);
    field?.setAttribute("aria-invalid", "true");
    field?.setAttribute("aria-describedby", error.id);
    field?.focus();
  }

  let count = threads.querySelectorAll(".comment").length;
  const look = watch(threads, {
    changed: () => {
      drawMarks();
      const before = count;
      count = threads.querySelectorAll(".comment").length;
      if (count > before) say(count - before === 1 ? "A new comment." : `${count - before} new comments.`);
    },
    trouble,
  });

  root.addEventListener("submit", async (event) => {
    const sent = event.target.closest("[data-comment-form]");
    if (!sent) return;
    event.preventDefault();
    if (sent.dataset.sending) return;
    sent.dataset.sending = "";
    complain(sent, "");
    try {
      const { comment } = await send(sent.action, new FormData(sent));
      const action = sent.closest("details.comment-action");
      sent.querySelectorAll("textarea").forEach((area) => (area.value = ""));
      if (action) action.open = false;
      if (sent === form) release();
      await look();
      land(comment, sent);
      say(sent.dataset.done ?? "Your comment is there.");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // What an edit was refused for shows: the words that are there now.
      if (error.field) await look();
      complain(sent, error.message, error.field);
    } finally {
      delete sent.dataset.sending;
    }
  });

  /** Where the focus goes on: a new comment's own field stays, an answer or a change is shown, what is gone leaves the heading. */
  function land(comment, sent) {
    if (sent === form) return text.focus({ preventScroll: true });
    const shown = comment && document.getElementById(`comment-${comment}`);
    (shown?.checkVisibility() ? shown : root.querySelector("#comments-heading")).focus({ preventScroll: true });
  }

  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
    if (event.key !== "Escape" || event.defaultPrevented) return;
    const action = event.target.closest("details.comment-action[open]");
    if (!action) return;
    action.open = false;
    action.querySelector("summary").focus();
  });

  root.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches("details.comment-action") && event.target.open) event.target.querySelector("textarea")?.focus();
    },
    { capture: true },
  );

  // Places, here and under the waveform

  const places = () => [...threads.querySelectorAll("[data-thread]:not([data-resolved])")];

  function go(thread) {
    player?.seek(Number(thread.dataset.start));
    for (const one of root.querySelectorAll("[data-current]")) delete one.dataset.current;
    thread.dataset.current = "";
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (!button || !player) return;
    go(button.closest("[data-thread]"));
    stage.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });

  function drawMarks() {
    const lane = stage?.querySelector("[data-comment-marks]");
    if (!lane || !player) return;
    const duration = player.duration || Number(stage.querySelector("[data-waveform]").dataset.duration);
    const least = (LEAST_MARK * duration) / Math.max(lane.getBoundingClientRect().width, 1);
    const taken = Array(ROWS).fill(-Infinity);
    const focused = lane.contains(document.activeElement) ? document.activeElement.dataset.thread : null;
    lane.replaceChildren(
      ...places().map((thread) => {
        const from = Number(thread.dataset.start);
        const to = Number(thread.dataset.end ?? from);
        const left = from - least / 2;
        const row = Math.max(taken.findIndex((until) => until <= left), 0);
        taken[row] = Math.max(to, from + least / 2);
        return mark(thread, from, to, row);
      }),
    );
    lane.style.setProperty("--rows", String(Math.max(taken.findLastIndex((until) => until > -Infinity) + 1, 0)));
    if (focused) lane.querySelector(`[data-thread="${focused}"]`)?.focus({ preventScroll: true });
  }

  function mark(thread, from, to, row) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const { name, said } = thread.dataset;
    const at = to > from ? `${clock(from)} to ${clock(to)}` : clock(from);
    button.setAttribute("aria-label", `${name} at ${at}: ${said}`);
    button.dataset.thread = thread.dataset.thread;
    button.textContent = [...name][0]?.toUpperCase() ?? "";
    for (const [property, value] of Object.entries({ from, to, row })) item.style.setProperty(`--${property}`, String(value));
    item.toggleAttribute("data-range", to > from);
    const point = () => waveform.hover(from, `${name}: ${said}`);
    button.addEventListener("click", () => go(root.querySelector(`[data-thread="${button.dataset.thread}"]`)));
    button.addEventListener("pointerenter", point);
    button.addEventListener("pointerleave", waveform.leave);
    button.addEventListener("focus", point);
    button.addEventListener("blur", waveform.leave);
    item.append(button);
    return item;
  }

  return function attach(newStage, newPlayer, newWaveform, signal) {
    [stage, player, waveform] = [newStage, newPlayer, newWaveform];
    for (const name of ["tick", "change"]) player.addEventListener(name, follow);
    let known = 0;
    player.addEventListener("change", () => {
      if (known === player.duration) return;
      known = player.duration;
      drawMarks();
    });
    const lane = stage.querySelector("[data-comment-marks]");
    const width = new ResizeObserver(drawMarks);
    if (lane) width.observe(lane);
    signal.addEventListener("abort", () => width.disconnect());
    follow();
    drawMarks();
    if (!form) return {};
    waveform.onSelect(place);
    return { i: points.start, o: points.end, c: write };
  };
}
