// The studio: a clip, words and numbers, until they are sent.

import { connectClipSources } from "./clip-sources.js";
import { connectCopying } from "./copy.js";
import { limitDuration } from "./duration-limit.js";
import { followCost } from "./job-cost.js";
import { connectIdeas } from "./prompt-ideas.js";
import { connectSliders } from "./sliders.js";
import { submitOnce } from "./submit-once.js";

const form = document.querySelector("[data-studio]");
const prompt = form.elements.prompt;
const limit = limitDuration(form);
const reckon = followCost(form);

// A form that came back with something to mend starts there.
form.querySelector("[aria-invalid=true]")?.focus();

connectCopying(form);
connectSliders(form);
connectIdeas(form.querySelector("[data-ideas]"), prompt);
connectClipSources(form, {
  busy: submitOnce(form),
  chosen(clip, proposal) {
    limit(clip);
    reckon(clip);
    if (proposal && !prompt.value.trim()) prompt.value = proposal;
  },
});
