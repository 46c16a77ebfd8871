// The team's backends: moments in the time of whoever looks, and a form with something to mend starts there.

import { showLocalTimes } from "./local-times.js";
import "./show-password.js";

showLocalTimes(document);
document.querySelector("[aria-invalid=true]")?.focus();
