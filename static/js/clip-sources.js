// The ways to a clip: drop it, choose it, take the sample, a recent one, or one known by its asset ID.

import { ClipStage } from "./clip-stage.js";
import { Refusal, clipFacts, makeSample, upload } from "./server.js";

/**
 * Connect the stage of `form`. `chosen(clip, prompt)` is called with the facts of a new clip, or null when there is none
 * any more; `busy(sentence)` while one is on its way, and with "" when it no longer is.
 */
export function connectClipSources(form, { chosen, busy }) {
  const root = form.querySelector("[data-clip-stage]");
  const settings = root.dataset;
  const token = form.elements.csrfmiddlewaretoken.value;
  const address = (id) => `${settings.clipsUrl}${encodeURIComponent(id)}/facts/`;
  const stage = new ClipStage(root, (id) => clipFacts(address(id)));
  const recent = root.querySelector("[data-recent]");
  let current = null;
  let coming = null;

  /** Get a clip by `get(signal)`. Whatever comes between, the clip there was before stays. */
  async function take(label, get) {
    coming?.abort();
    const mine = (coming = new AbortController());
    stage.refuse("");
    busy(label);
    try {
      const clip = await get(mine.signal);
      if (coming !== mine) return;
      show(clip);
      chosen(clip, clip.prompt);
    } catch (error) {
      if (coming !== mine) return;
      if (error instanceof Refusal) stage.refuse(error.message);
      else if (error.name !== "AbortError") throw error;
      if (current) stage.showClip(current);
      else stage.clear();
    } finally {
      if (coming === mine) {
        coming = null;
        busy("");
      }
    }
  }

  function show(clip) {
    current = clip;
    form.elements.clip.value = clip.id;
    form.elements.upload.value = "";
    stage.showClip(clip);
    remember(clip);
  }

  function remember(clip) {
    const list = recent.querySelector("ul");
    if (list.querySelector(`[value="${CSS.escape(clip.id)}"]`)) return;
    const item = recent.querySelector("template").content.cloneNode(true);
    item.querySelector("button").value = clip.id;
    item.querySelector("img").src = clip.poster_url;
    item.querySelector(".recent-name").textContent = clip.name;
    item.querySelector(".recent-length").textContent = clip.labels.length;
    list.prepend(item);
    recent.hidden = false;
  }

  const known = (id) =>
    take("Looking for the clip…", async (signal) => {
      const clip = await clipFacts(address(id), signal);
      if (!clip) throw new Refusal(settings.unknown);
      return clip;
    });

  function send(file) {
    if (file.size > Number(settings.maxBytes)) {
      form.elements.upload.value = "";
      stage.refuse(settings.tooLarge);
      return;
    }
    take("Uploading the clip…", (signal) => {
      stage.showFile(file);
      return upload(settings.uploadUrl, token, file, signal, (share) => stage.sent(share));
    });
  }

  form.elements.upload.addEventListener("change", ({ target }) => {
    if (target.files.length) send(target.files[0]);
  });
  root.querySelector("[data-upload-cancel]").addEventListener("click", () => coming?.abort());
  // The buttons would send the form to choose; here they do it without leaving the page.
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=choose]");
    if (!button) return;
    event.preventDefault();
    const typed = form.elements.clip.value.trim();
    if (button.value === "sample") take("Making the sample…", (signal) => makeSample(settings.sampleUrl, token, signal));
    else if (button.value === "none") remove();
    else if (button.value !== "entered") known(button.value);
    else if (typed) known(typed);
  });
  form.elements.clip.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.value.trim()) return;
    event.preventDefault();
    known(event.target.value.trim());
  });

  function remove() {
    current = null;
    form.elements.clip.value = "";
    stage.refuse("");
    stage.clear();
    chosen(null);
    form.elements.upload.focus();
  }

  connectDropping(form, root, send);
  // A clip that came with the page, after "Use these settings" or a mended form.
  const id = root.querySelector("[data-shown]").dataset.id;
  if (id && !form.elements.upload.disabled) known(id);
}

/** A file may be dropped anywhere on the page; the stage says where it goes. */
function connectDropping(form, root, send) {
  if (form.elements.upload.disabled) return;
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    root.toggleAttribute("data-dragging", true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.toggleAttribute("data-dragging", false);
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    root.toggleAttribute("data-dragging", false);
    const [file] = event.dataTransfer.files;
    if (!file) return;
    const toVideo = form.querySelector("[name=mode][value=video]");
    if (!toVideo.checked) toVideo.click();
    send(file);
  });
}
