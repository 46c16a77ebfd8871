// Several media elements that play as one: same place, same rate, one of them heard.
//
// The heard element keeps the time. The others are muted and follow it: small drift is steered away by their rate, large
// drift by a seek, so no correction is ever audible. While one lacks data the others are held.

const HAVE_FUTURE_DATA = 3;
const DEAD_BAND = 0.002; // seconds of drift that are left alone
const JUMP = 0.25; // seconds of drift from which on a seek is quicker than steering
// Seconds in which steering undoes a drift, and the most it may change the rate. A decoder of sound is slow to answer.
const STEERING = { silent: { time: 0.1, limit: 0.5 }, sounding: { time: 0.3, limit: 0.25 } };
const UNDER_WAY = 0.025; // seconds into which a starting element's clock can stand still again, until sound comes out
const LEAST_SWITCH = 0.005; // a smaller change of rate is not worth disturbing a decoder for
const RELOAD_AFTER = 10_000; // milliseconds after which a connection that broke again is no longer the same trouble

/** Events: `change` when anything but the position changed, `tick` when the position did, `failure` with the element. */
export class LockedPlayers extends EventTarget {
  #elements;
  #frameRate;
  #heard;
  #wanted = false; // what the person asked for; whether an element runs right now also depends on its data
  #scrubbing = false;
  #goals = new Map(); // where an element that is still seeking has to go next
  #volume = 1;
  #gains = new Map(); // of elements that are turned down against the others, 0..1
  #muted = false;
  #rate = 1;
  #loop = false;
  #drift = 0;
  #start = 0; // where the heard element was when it was last set going
  #reloaded = new Map(); // when an element was last loaded anew
  #listeners = new AbortController();

  /** `elements`: one or more media elements, the first one heard; `frameRate` in frames per second. */
  constructor(elements, frameRate) {
    super();
    this.#elements = elements;
    this.#frameRate = frameRate;
    this.#heard = elements[0];
    for (const element of elements) {
      element.controls = false;
      element.loop = false;
      element.pause();
      for (const name of ["waiting", "canplay", "playing", "loadedmetadata"]) {
        this.#on(element, name, () => this.#reconcile());
      }
      this.#on(element, "seeked", () => this.#arrive(element));
      this.#on(element, "ended", () => this.#end(element));
      this.#on(element, "durationchange", () => this.#changed());
      this.#on(element, "error", () => this.#fail(element));
    }
    this.#on(document, "visibilitychange", () => this.#reconcile());
    this.#mix();
    this.#align(this.currentTime);
  }

  /** Stop playing and listening. */
  close() {
    this.pause();
    this.#listeners.abort();
  }

  /** Seconds; of the first element, whichever is heard. */
  get duration() {
    const [first] = this.#elements;
    return Number.isFinite(first.duration) ? first.duration : 0;
  }

  get currentTime() {
    return this.#goals.get(this.#heard) ?? this.#heard.currentTime;
  }

  get frame() {
    return Math.floor(this.currentTime * this.#frameRate + 0.01);
  }

  get paused() {
    return !this.#wanted;
  }

  /** Seconds the follower is ahead of the heard element, as last measured. */
  get drift() {
    return this.#drift;
  }

  get buffering() {
    return this.#wanted && !this.#scrubbing && this.#elements.some((element) => this.#starves(element));
  }

  play() {
    if (this.#wanted) return;
    for (const element of this.#elements) if (element.error) this.#reload(element);
    if (this.duration && this.currentTime >= this.duration - 0.5 / this.#frameRate) this.seek(0);
    this.#wanted = true;
    this.#align(this.currentTime);
    this.#reconcile();
    this.#watch();
  }

  /** Stop, every picture on the same frame: its middle, where rounding can't miss it. */
  pause() {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#reconcile();
    if (this.#elements.length > 1) this.seek((this.frame + 0.5) / this.#frameRate);
  }

  toggle() {
    if (this.#wanted) this.pause();
    else this.play();
  }

  /** Go to `time` in seconds. */
  seek(time) {
    const goal = Math.min(Math.max(time, 0), this.duration);
    for (const element of this.#elements) this.#aim(element, goal);
    this.#reconcile();
    this.dispatchEvent(new Event("tick"));
  }

  /** Pause and show the frame `count` frames on (back if negative). */
  step(count) {
    this.pause();
    const last = Math.max(Math.round(this.duration * this.#frameRate) - 1, 0);
    const frame = Math.min(Math.max(this.frame + count, 0), last);
    this.seek((frame + 0.5) / this.#frameRate);
  }

  /** Between these two calls the picture follows `seek` but nothing plays. */
  startScrubbing() {
    this.#scrubbing = true;
    this.#reconcile();
  }

  stopScrubbing() {
    this.#scrubbing = false;
    this.#reconcile();
  }

  get heard() {
    return this.#heard;
  }

  set heard(element) {
    this.#heard = element;
    this.#mix();
    this.#changed();
  }

  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = Math.min(Math.max(volume, 0), 1);
    this.#muted = false;
    this.#mix();
    this.#changed();
  }

  /** Turn `element` down against the others: a factor, 0..1. */
  setGain(element, gain) {
    this.#gains.set(element, gain);
    this.#mix();
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    this.#mix();
    this.#changed();
  }

  get rate() {
    return this.#rate;
  }

  set rate(rate) {
    this.#rate = rate;
    this.#mix();
    this.#changed();
  }

  get loop() {
    return this.#loop;
  }

  set loop(loop) {
    this.#loop = loop;
    this.#changed();
  }

  #on(target, name, listener) {
    target.addEventListener(name, listener, { signal: this.#listeners.signal });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #mix() {
    for (const element of this.#elements) {
      element.muted = this.#muted || element !== this.#heard;
      element.volume = this.#volume * (this.#gains.get(element) ?? 1);
      element.playbackRate = this.#rate;
    }
  }

  #starves(element) {
    if (element.ended || element.error) return false;
    // A browser may put silent players of a hidden page to sleep; that must not stop the sound.
    if (document.hidden && element !== this.#heard) return false;
    return element.seeking || element.readyState < HAVE_FUTURE_DATA;
  }

  /** Bring what runs in line with what is wanted; called whenever either may have changed. */
  #reconcile() {
    const starving = this.#elements.filter((element) => this.#starves(element));
    for (const element of this.#elements) {
      // One that starves is left to start by itself as soon as it can; the ready ones wait for it.
      const free = starving.length === 0 || starving.includes(element);
      const run = this.#wanted && !this.#scrubbing && !element.ended && !element.error && free;
      if (run && element.paused && !this.#mustWait(element)) this.#run(element);
      if (!run && !element.paused) element.pause();
    }
    this.#changed();
  }

  #run(element) {
    if (element === this.#heard) this.#start = element.currentTime;
    element.play().catch((error) => {
      if (error.name === "NotAllowedError") this.pause(); // the browser wants a click first
    });
  }

  /** Sound takes a moment to start. A picture without any starts at once, so it has to wait until the sound has. */
  #mustWait(element) {
    const heard = this.#heard;
    const underWay = !heard.paused && heard.currentTime > this.#start + UNDER_WAY * this.#rate;
    return element !== heard && "silent" in element.dataset && !heard.ended && !underWay;
  }

  #aim(element, goal) {
    if (element.seeking) {
      this.#goals.set(element, goal); // one seek at a time, and then the latest
    } else {
      element.currentTime = goal;
    }
  }

  #arrive(element) {
    const goal = this.#goals.get(element);
    this.#goals.delete(element);
    if (goal !== undefined) element.currentTime = goal;
    this.#reconcile();
    this.dispatchEvent(new Event("tick"));
  }

  /** Send followers that are more than half a frame away to `time`. */
  #align(time) {
    for (const element of this.#elements) {
      if (element === this.#heard) continue;
      const place = this.#goals.get(element) ?? element.currentTime;
      if (Math.abs(place - time) > 0.5 / this.#frameRate && element.readyState > 0) this.#aim(element, time);
    }
  }

  #end(element) {
    if (element !== this.#heard || !this.#wanted) return;
    if (this.#loop) {
      this.seek(0);
    } else {
      this.#wanted = false;
      this.#align(this.currentTime);
      this.#reconcile();
    }
    this.dispatchEvent(new Event("tick"));
  }

  /** The address in a file store that the server led to holds for a while only: then it is asked for another. */
  #fail(element) {
    const broken = element.error?.code === MediaError.MEDIA_ERR_NETWORK;
    if (broken && performance.now() - (this.#reloaded.get(element) ?? -Infinity) > RELOAD_AFTER) this.#reload(element);
    else this.dispatchEvent(new CustomEvent("failure", { detail: element }));
    this.#reconcile();
  }

  /** Load what broke off anew, and go on where it was. */
  #reload(element) {
    const time = this.#goals.get(element) ?? element.currentTime;
    this.#goals.delete(element);
    this.#reloaded.set(element, performance.now());
    element.load();
    element.currentTime = time;
    this.#mix();
  }

  /** While playing, once per shown frame: tell the position and keep the followers close. */
  #watch() {
    const look = () => {
      if (!this.#wanted) return;
      for (const element of this.#elements) {
        if (element === this.#heard) continue;
        if (element.paused) this.#reconcile();
        else this.#steer(element);
      }
      this.dispatchEvent(new Event("tick"));
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }

  #steer(follower) {
    const heard = this.#heard;
    if ([follower, heard].some((element) => element.paused || element.ended || this.#starves(element))) return;
    const drift = follower.currentTime - heard.currentTime;
    this.#drift = drift;
    if (Math.abs(drift) > JUMP * Math.max(this.#rate, 1)) {
      this.#aim(follower, heard.currentTime);
      return;
    }
    const { time, limit } = STEERING["silent" in follower.dataset ? "silent" : "sounding"];
    const steering = Math.abs(drift) < DEAD_BAND ? 0 : Math.min(Math.max(-drift / time, -limit), limit);
    const rate = this.#rate * (1 + steering);
    if (Math.abs(rate - follower.playbackRate) > LEAST_SWITCH || steering === 0) follower.playbackRate = rate;
  }
}
