// What the stage shows of the clip: nothing yet, one on its way, or one that is there.

const PREVIEW_PACE = 1500; // milliseconds between looks for a preview

export class ClipStage {
  /** `look(id)` resolves to a clip's facts as they are now. */
  constructor(root, look) {
    this.look = look;
    this.shown = root.querySelector("[data-shown]");
    this.picture = root.querySelector("[data-picture]");
    this.video = this.picture.querySelector("video");
    this.poster = this.picture.querySelector("img");
    this.pending = root.querySelector("[data-pending]");
    this.about = root.querySelector("[data-about]");
    this.uploading = root.querySelector("[data-upload]");
    this.refusal = root.querySelector("[data-refusal]");
    this.chooser = root.querySelector("[data-chooser]");
    this.objectUrl = null;
    this.video.addEventListener("error", () => this.#cannotPlay());
    this.video.addEventListener("loadedmetadata", () => {
      if (this.objectUrl && this.video.videoWidth) this.#shape(this.video.videoWidth, this.video.videoHeight);
    });
  }

  /** A file chosen on this machine: it plays at once, while it is sent. */
  showFile(file) {
    this.#forget();
    this.objectUrl = URL.createObjectURL(file);
    this.video.removeAttribute("poster");
    this.video.src = this.objectUrl;
    this.video.hidden = false;
    this.shown.hidden = false;
    this.about.hidden = true;
    this.uploading.hidden = false;
    this.chooser.open = false;
    this.sent(0);
  }

  /** How much of the file has been sent, 0 to 1. */
  sent(share) {
    const percent = Math.round(share * 100);
    const bar = this.uploading.querySelector("[data-upload-bar]");
    bar.setAttribute("aria-valuenow", percent);
    bar.style.setProperty("--progress", percent);
    this.uploading.querySelector("[data-upload-label]").textContent = share < 1 ? "Uploading" : "Looking at the clip";
    this.uploading.querySelector("[data-upload-amount]").textContent = share < 1 ? `${percent} %` : "";
  }

  /** A clip the server has. A picture that plays from this machine goes on playing. */
  showClip(clip) {
    const plays = this.objectUrl && !this.uploading.hidden && !this.video.hidden;
    if (!plays) this.#forget();
    this.shown.dataset.id = clip.id;
    for (const place of this.about.querySelectorAll("[data-fact]")) {
      place.textContent = clip.labels[place.dataset.fact];
    }
    this.about.querySelector("[data-copy]").dataset.copy = clip.id;
    this.#shape(clip.width, clip.height);
    if (!plays) this.#showPicture(clip);
    this.shown.hidden = false;
    this.about.hidden = false;
    this.uploading.hidden = true;
    this.chooser.open = false;
  }

  /** No clip: the ways to one. */
  clear() {
    this.#forget();
    delete this.shown.dataset.id;
    this.shown.hidden = true;
    this.chooser.open = true;
  }

  /** A sentence about what went wrong; "" takes it away. */
  refuse(sentence) {
    this.refusal.querySelector("span").textContent = sentence;
    this.refusal.hidden = !sentence;
  }

  /** Look for the preview of a clip that browsers can't play until it is there or given up, or another clip is. */
  async awaitPreview(id) {
    while (this.shown.dataset.id === id && !this.shown.hidden) {
      await new Promise((wake) => setTimeout(wake, PREVIEW_PACE));
      const clip = document.hidden ? null : await this.look(id).catch(() => null);
      if (clip && !clip.preview_pending) {
        if (this.shown.dataset.id === id) this.#showPicture(clip);
        return;
      }
    }
  }

  #showPicture(clip) {
    this.poster.hidden = Boolean(clip.playable_url);
    this.pending.hidden = Boolean(clip.playable_url);
    this.video.hidden = !clip.playable_url;
    if (clip.playable_url) {
      this.video.poster = clip.poster_url;
      this.video.src = clip.playable_url;
    } else {
      this.poster.src = clip.poster_url;
      const { waiting, failed } = this.pending.dataset;
      this.pending.textContent = clip.preview_pending ? waiting : failed;
      if (clip.preview_pending) this.awaitPreview(clip.id);
    }
  }

  #cannotPlay() {
    if (!this.video.hasAttribute("src")) return;
    this.video.hidden = true;
    const id = this.shown.dataset.id;
    // Sent already: what the server has of it. Else that comes when it is there.
    if (this.objectUrl && id && this.uploading.hidden) this.look(id).then((clip) => clip && this.#showPicture(clip));
  }

  #shape(width, height) {
    this.picture.style.setProperty("--width", width);
    this.picture.style.setProperty("--height", height);
  }

  #forget() {
    this.video.removeAttribute("src");
    this.video.load();
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
    this.objectUrl = null;
    delete this.shown.dataset.id;
    this.video.hidden = this.poster.hidden = this.pending.hidden = true;
  }
}
