// A list of generations: what is under way goes on without a reload.

import { watch } from "./live.js";
import { showLocalTimes } from "./local-times.js";

const list = document.querySelector("[data-phase=list]");
const notice = document.querySelector("[data-notice]");

if (list) {
  showLocalTimes(list);
  watch(list, {
    changed() {},
    trouble(sentence) {
      notice.textContent = sentence;
      notice.hidden = !sentence;
    },
  });
}
