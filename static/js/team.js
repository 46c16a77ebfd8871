// The team's pages: moments in the time of whoever looks, links to copy, and a form with something to mend starts there.

import { connectCopying } from "./copy.js";
import { showLocalTimes } from "./local-times.js";

showLocalTimes(document);
connectCopying(document);
document.querySelector("[aria-invalid=true]")?.focus();
