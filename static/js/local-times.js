// Moments in the time of whoever looks: the server writes them in its own. Those with `data-seconds` to the second.

const language = document.documentElement.lang;
const words = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const exactly = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.textContent = ("seconds" in time.dataset ? exactly : words).format(moment);
    time.title = moment.toString();
  }
}
