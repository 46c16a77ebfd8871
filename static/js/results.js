// The results page: follows a generation until it is finished, then plays what came of it.

import { connectComments } from "./comments.js";
import { connectCopying } from "./copy.js";
import { countElapsed } from "./elapsed.js";
import { connectEvents } from "./events.js";
import { connectFullscreen } from "./fullscreen.js";
import { connectHearing } from "./hearing.js";
import { watch } from "./live.js";
import { showLocalTimes } from "./local-times.js";
import { LockedPlayers } from "./locked-players.js";
import { followTitle } from "./page-title.js";
import { connectShortcuts } from "./shortcuts.js";
import { connectTransport } from "./transport.js";
import { connectWaveform } from "./waveform.js";

/** Bring the `data-player` element to life. Returns a function that puts it to rest. */
function open(root) {
  // The result comes after the original on the page, and is heard first.
  const elements = [...root.querySelectorAll("[data-locked]")].reverse();
  const player = new LockedPlayers(elements, Number(root.dataset.fps));
  const rest = new AbortController();
  connectTransport(root, player);
  const otherSound = connectHearing(root, player);
  const fullscreen = connectFullscreen(root);
  const waveform = connectWaveform(root, player);
  const jump = connectEvents(root, player, waveform);
  const move = (seconds) => () => player.seek(player.currentTime + seconds);
  connectShortcuts(
    {
      " ": () => player.toggle(),
      k: () => player.toggle(),
      ArrowLeft: move(-1),
      ArrowRight: move(1),
      "Shift+ArrowLeft": move(-0.1),
      "Shift+ArrowRight": move(0.1),
      ",": () => player.step(-1),
      ".": () => player.step(1),
      "[": () => jump(-1),
      "]": () => jump(1),
      m: () => (player.muted = !player.muted),
      l: () => (player.loop = !player.loop),
      s: otherSound,
      f: fullscreen,
      ...commentsBy(root)?.(root, player, waveform, rest.signal),
    },
    rest.signal,
  );
  for (const video of root.querySelectorAll("video")) video.addEventListener("click", () => player.toggle());
  player.addEventListener("failure", ({ detail }) => {
    const tile = detail.closest("[data-tile]");
    if (!tile) return;
    tile.toggleAttribute("data-broken", true);
    detail.addEventListener("loadeddata", () => tile.toggleAttribute("data-broken", false), { once: true });
  });
  // The keys on keyboards and headphones; without this they would stop one of the pair.
  navigator.mediaSession?.setActionHandler("play", () => player.play());
  navigator.mediaSession?.setActionHandler("pause", () => player.pause());
  return () => {
    rest.abort();
    player.close();
  };
}

let commented = null;
let attach = null;

/** The comments beside the player: there is one panel, from when there is something to comment on. */
function commentsBy(player) {
  const panel = player.parentElement.querySelector("[data-comments]");
  if (panel && panel !== commented) {
    commented = panel;
    attach = connectComments(panel, { say: (sentence) => (announcer.textContent = sentence), trouble });
  }
  return attach;
}

function trouble(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

const root = document.querySelector("[data-generation]");
const announcer = document.querySelector("[data-announcer]");
const notice = document.querySelector("[data-notice]");
const showTitle = followTitle();
const recount = countElapsed(root);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let opened = null;
let previewed = null;
let close = () => {};

function refresh() {
  const player = root.querySelector("[data-player]");
  if (player !== opened) {
    close();
    close = player ? open(player) : () => {};
    opened = player;
  }
  // While the sound is made the clip plays by itself, without any.
  const preview = root.querySelector("[data-while-waiting]");
  if (preview && preview !== previewed && !calm) {
    preview.muted = true;
    preview.play().catch(() => {});
  }
  previewed = preview;
}

connectCopying(root);
showLocalTimes(root);
refresh();
watch(root, {
  changed() {
    refresh();
    recount();
    showTitle(root.dataset.title, root.dataset.phase === "finished");
    if (announcer.textContent !== root.dataset.announcement) announcer.textContent = root.dataset.announcement;
  },
  trouble,
});
