// The review's list of jobs: goes on by itself until somebody pauses it or chooses jobs, and says how many are chosen.

import { watch } from "./live.js";
import { morph } from "./morph.js";
import { showLocalTimes } from "./local-times.js";

const ANNOUNCED_EVERY = 15_000; // milliseconds; a screen reader is not to be talked to at each look
const COUNTED_EVERY = 15_000;
const COUNTING_SHARE = 20; // counting may take a twentieth of the time at most

const list = document.querySelector("[data-list]");
const numbers = document.querySelector("[data-numbers]");
const notice = document.querySelector("[data-notice]");
const pause = document.querySelector("[data-pause]");
let isPaused = sessionStorage.getItem("jobs-paused") === "yes";

showLocalTimes(list);
tidyAddresses();
const selection = choose();
goOn();

/** What is not asked for, and the usual columns, stay out of the address. */
function tidyAddresses() {
  const columns = document.querySelector("[data-usual]");
  document.querySelector("[data-filters]").addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
    if (formData.get("order") === "newest") formData.delete("order");
    if (formData.getAll("columns").join() === columns.dataset.usual) formData.delete("columns");
  });
}

/** How many are chosen, and all of those shown at once. */
function choose() {
  const form = document.querySelector("#chosen");
  if (!form) return { some: () => false, count() {}, changed() {} };
  const said = form.querySelector("[data-chosen]");
  const idle = said.textContent;
  const boxes = () => [...list.querySelectorAll("[name=job]")];
  const chosen = { some: () => boxes().some((box) => box.checked), count, changed() {} };

  function count() {
    const many = boxes().filter((box) => box.checked).length;
    const text = many ? `${many} chosen` : idle;
    if (said.textContent !== text) said.textContent = text;
    const all = list.querySelector("[data-all]");
    if (!all) return;
    all.checked = many > 0 && many === boxes().length;
    all.indeterminate = many > 0 && !all.checked;
  }

  list.addEventListener("change", (event) => {
    if ("all" in event.target.dataset) for (const box of boxes()) box.checked = event.target.checked;
    count();
    chosen.changed();
  });
  form.addEventListener("submit", (event) => {
    if (chosen.some()) return;
    event.preventDefault();
    say("Choose some jobs first: tick the boxes in front of them.");
  });
  addEventListener("pageshow", count); // Back brings the ticks back
  count();
  return chosen;
}

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

/** Rows as they are now, and their numbers now and then; neither while it is paused, nor under somebody's choice. */
function goOn() {
  const state = document.querySelector("[data-live-state]");
  const said = document.querySelector("[data-live-said]");
  const held = () => isPaused || selection.some();
  const tellNews = announce(document.querySelector("[data-news]"));
  let updated = new Date();

  const look = watch(list, {
    paused: held,
    trouble: say,
    changed() {
      selection.count();
      tellNews();
    },
    answered() {
      updated = new Date();
      show();
    },
  });
  const count = counting(held);

  function show() {
    pause.setAttribute("aria-pressed", String(isPaused));
    const at = updated.toLocaleTimeString(document.documentElement.lang);
    if (isPaused) said.textContent = `Paused, as of ${at}`;
    else said.textContent = selection.some() ? `Waits for your choice, as of ${at}` : `Live, as of ${at}`;
  }

  function goOnOrNot() {
    show();
    if (held()) return;
    look();
    count();
  }

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    sessionStorage.setItem("jobs-paused", isPaused ? "yes" : "no");
    goOnOrNot();
  });
  selection.changed = goOnOrNot;
  state.hidden = false;
  show();
}

/** Returns a function that says into `place` what has come and changed since it was last said. */
function announce(place) {
  let known = read();
  let saidAt = performance.now();

  function read() {
    return new Map([...list.querySelectorAll("tr[data-key]")].map((row) => [row.dataset.key, row.dataset.status]));
  }

  return () => {
    if (performance.now() - saidAt < ANNOUNCED_EVERY) return;
    const now = read();
    const fresh = [...now.keys()].filter((key) => !known.has(key)).length;
    const changed = [...now].filter(([key, status]) => known.has(key) && known.get(key) !== status).length;
    if (!fresh && !changed) return;
    known = now;
    saidAt = performance.now();
    place.textContent = [fresh && `${fresh} new`, changed && `${changed} changed`].filter(Boolean).join(", ");
  };
}

/** Counts at once what the page came without, and all of it now and then; returns a function that counts at once. */
function counting(held) {
  let timer;

  async function count() {
    clearTimeout(timer);
    const began = performance.now();
    try {
      const answer = await fetch(numbers.dataset.numbers, { redirect: "manual" });
      if (!answer.ok) throw new Error(answer.statusText);
      const text = await answer.text();
      morph(numbers, new DOMParser().parseFromString(text, "text/html").querySelector("[data-numbers]"));
    } catch {
      failed();
    }
    schedule(performance.now() - began);
  }

  function failed() {
    const uncounted = numbers.querySelector("[data-counting]");
    if (!uncounted) return; // those before are still there, and the list says when the connection is lost
    uncounted.textContent = "The numbers could not be loaded.";
    uncounted.nextElementSibling.hidden = false;
  }

  function schedule(took) {
    timer = setTimeout(() => (held() || document.hidden ? schedule(took) : count()), Math.max(COUNTED_EVERY, COUNTING_SHARE * took));
  }

  const uncounted = numbers.querySelector("[data-counting]");
  if (uncounted) {
    uncounted.hidden = false;
    uncounted.nextElementSibling.hidden = true;
    count();
  } else {
    schedule(0);
  }
  return count;
}
