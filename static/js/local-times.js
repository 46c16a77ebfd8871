// Moments in the time of whoever looks: the server writes them in its own.

const words = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = words.format(new Date(time.dateTime));
    time.title = new Date(time.dateTime).toString();
  }
}
