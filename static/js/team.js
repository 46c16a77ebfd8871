// The team's pages: moments in the time of whoever looks, links to copy, passwords to look at, and a form with something
// to mend starts there.

import { connectCopying } from "./copy.js";
import { showLocalTimes } from "./local-times.js";
import "./show-password.js";

showLocalTimes(document);
connectCopying(document);
document.querySelector("[aria-invalid=true]")?.focus();
