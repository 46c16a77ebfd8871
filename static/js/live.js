// Keeps a part of the page as the server would render it now, without a reload.
//
// Lively while something is about to happen, calm otherwise; a new question replaces the one before it; a lost
// connection is said quietly and tried again, less and less often.

import { showLocalTimes } from "./local-times.js";
import { morph } from "./morph.js";

const PACE = { queued: 120, running: 400, finished: 2000, list: 1500, comments: 4000, review: 4000 }; // milliseconds between answers
const LIVELY_FOR = 5000; // after that a queued job waits behind others, and so can we
const CALM = 1000;
const HIDDEN = 3000;
const PATIENCE = 10_000; // for one answer
const LONGEST_BACK_OFF = 15_000;

/**
 * Follow `root`: its `data-live` is the address of a fresh rendering of it, absent once nothing will change any more;
 * `data-phase` (queued, running, finished, list, comments, review) sets the pace. `changed` is called after each change,
 * `answered` after each answer, `trouble` with a sentence when the connection is lost and with "" when it is back. While
 * `paused` says so nothing is asked, nor an answer taken. Returns a function that asks at once.
 */
export function watch(root, { changed, trouble, answered = () => {}, paused = () => false }) {
  const began = performance.now();
  let version = root.dataset.version;
  let failures = 0;
  let timer;
  let asking = null;

  function pace() {
    if (failures) return Math.min(500 * 2 ** failures, LONGEST_BACK_OFF);
    if (document.hidden) return HIDDEN;
    if (root.dataset.phase === "queued" && performance.now() - began > LIVELY_FOR) return CALM;
    return PACE[root.dataset.phase];
  }

  function schedule() {
    clearTimeout(timer);
    // What nobody looks at is not read, and comments that were fetched are; a list's next look is a large one.
    if (document.hidden && ["comments", "review"].includes(root.dataset.phase)) return;
    if (root.dataset.live) timer = setTimeout(ask, pace());
  }

  async function ask() {
    clearTimeout(timer);
    if (paused()) return;
    asking?.abort();
    const mine = (asking = new AbortController());
    const patience = setTimeout(() => mine.abort("slow"), PATIENCE);
    try {
      const response = await fetch(root.dataset.live, {
        headers: { "If-None-Match": version },
        cache: "no-store",
        redirect: "manual", // it would lead to the sign-in page
        signal: mine.signal,
      });
      if (response.type === "opaqueredirect" || response.status === 403 || response.status === 404) {
        trouble("You are signed out, or this page is gone. Reload to see which.");
        return;
      }
      if (response.status !== 304) {
        if (!response.ok) throw new Error(`status ${response.status}`);
        const html = await response.text();
        if (paused()) return;
        apply(html, response.headers.get("ETag"));
      }
      answered();
      if (failures) trouble("");
      failures = 0;
    } catch {
      if (mine !== asking) return; // replaced by a newer question
      failures += 1;
      if (failures > 1) trouble("The connection is lost. Trying again…");
    } finally {
      clearTimeout(patience);
    }
    schedule();
  }

  function apply(html, stamp) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    version = stamp;
    showLocalTimes(fresh);
    morph(root, fresh);
    changed();
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && root.dataset.live) ask();
  });
  // The page was rendered before its scripts had loaded: a job that waited then may well run by now.
  if (root.dataset.phase === "queued") ask();
  else schedule();
  return ask;
}
