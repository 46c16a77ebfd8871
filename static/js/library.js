// The library: filters that answer at once, pictures that play under the pointer, a list without an end, a selection,
// and the arrow keys. Everything of it works without, a page at a time.

import { showLocalTimes } from "./local-times.js";

const list = document.querySelector("[data-library]");
const filters = document.querySelector("[data-filters]");
const notice = document.querySelector("[data-notice]");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

filters.addEventListener("change", (event) => {
  if (event.target.type !== "date" || event.target.value === "" || event.target.validity.valid) filters.requestSubmit();
});

// What is not asked for stays out of the address.
filters.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

if (list) {
  showLocalTimes(list);
  playUnderThePointer();
  choose();
  star();
  goOn();
  moveByKeys();
}

/** A card's picture plays, silent, while the pointer or the focus is on it; its button gives it its sound. */
function playUnderThePointer() {
  let playing = null;

  function stop() {
    playing?.querySelector("video")?.remove();
    playing?.querySelector(".card-sound")?.remove();
    playing = null;
  }

  function play(picture) {
    if (picture === playing) return;
    stop();
    if (!picture?.dataset.play || calm.matches) return;
    playing = picture;
    const video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true });
    video.src = picture.dataset.play;
    const sound = Object.assign(document.createElement("button"), { type: "button", className: "button card-sound" });
    sound.setAttribute("aria-pressed", "false");
    sound.textContent = "Sound";
    sound.addEventListener("click", () => {
      video.muted = !video.muted;
      sound.setAttribute("aria-pressed", String(!video.muted));
    });
    picture.append(video, sound);
    video.play().catch(() => {}); // it may be gone before it starts
  }

  list.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch") play(event.target.closest("[data-card]")?.querySelector(".card-picture"));
  });
  list.addEventListener("pointerleave", stop);
  list.addEventListener("focusin", (event) => play(event.target.closest("[data-card]")?.querySelector(".card-picture")));
}

/** How many are chosen, and all of those shown at once. */
function choose() {
  const form = document.querySelector("[data-selection]");
  const all = form.querySelector("[data-all]");
  const said = form.querySelector("[data-chosen]");
  const idle = said.textContent;
  const boxes = () => [...list.querySelectorAll("[data-choose]")];

  function count() {
    const chosen = boxes().filter((box) => box.checked).length;
    form.toggleAttribute("data-idle", chosen === 0);
    said.textContent = chosen ? `${chosen} chosen` : idle;
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  }

  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    count();
  });
  list.addEventListener("change", count);
  count();
}

/** A favourite is marked without leaving the page. */
function star() {
  list.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-star]");
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button");
    const body = new FormData(form);
    body.append("favourite", button.value);
    button.disabled = true;
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const { favourite } = await response.json();
      button.setAttribute("aria-pressed", String(favourite));
      button.value = favourite ? "no" : "yes";
      say("");
    } catch {
      say("The favourite could not be changed. Reload the page and try again.");
    }
    button.disabled = false;
    button.focus();
  });
}

/** The next stretch comes before the end is reached; the address remembers how many there are, for Back. */
function goOn() {
  const address = new URL(location.href);
  let pages = Number(address.searchParams.get("shown") ?? 1) || 1;
  let busy = false;

  const watcher = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && next(),
    { rootMargin: "600px" },
  );

  async function next() {
    const end = list.querySelector("[data-next]");
    if (!end || busy) return;
    busy = true;
    const asked = new URL(list.dataset.more, location.href);
    asked.search = location.search;
    asked.searchParams.set("after", end.dataset.next);
    try {
      const response = await fetch(asked, { redirect: "manual" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const fresh = new DOMParser().parseFromString(`<ol>${await response.text()}</ol>`, "text/html").querySelector("ol");
      showLocalTimes(fresh);
      end.replaceWith(...fresh.children);
      pages += 1;
      address.searchParams.set("shown", String(pages));
      history.replaceState(null, "", address);
      document.querySelector("[data-selection] [name=next]").value = address.pathname + address.search;
      list.dispatchEvent(new Event("change"));
      say("");
    } catch {
      watcher.disconnect(); // the link to the next page is still there
      say("More could not be loaded. Use “Show more”, or reload the page.");
    }
    busy = false;
    follow();
  }

  function follow() {
    const end = list.querySelector("[data-next]");
    if (end) watcher.observe(end);
  }

  follow();
}

/** Arrow keys go from card to card, X chooses, F marks as favourite, and a full stop leads to what can be done with those
 * chosen; Enter opens, as for every link. */
function moveByKeys() {
  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const cards = [...list.querySelectorAll("[data-card]")];
    const at = cards.indexOf(event.target.closest("[data-card]"));
    if (at < 0) return;
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns }[event.key];
    if (to !== undefined) {
      cards[to]?.querySelector(".card-words a").focus();
      event.preventDefault();
    } else if (event.key === "x") {
      cards[at].querySelector("[data-choose]").click();
    } else if (event.key === "f") {
      cards[at].querySelector("[data-star] button")?.click();
    } else if (event.key === ".") {
      document.querySelector("[data-selection]:not([data-idle]) :is(.button, .box)")?.focus();
    }
  });
}
