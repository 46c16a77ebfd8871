// Times as people read and hear them.

/** 83.456 as "1:23.45". */
export function clock(seconds) {
  const hundredths = Math.floor(Math.max(seconds, 0) * 100 + 1e-6);
  const minutes = Math.floor(hundredths / 6000);
  const rest = String(Math.floor((hundredths % 6000) / 100)).padStart(2, "0");
  return `${minutes}:${rest}.${String(hundredths % 100).padStart(2, "0")}`;
}

/** "1:23.45" or "83.45" as 83.45; NaN for what is no time. */
export function seconds(text) {
  const match = text.trim().match(/^(?:(\d+):)?(\d+(?:[.,]\d*)?)$/);
  return match ? 60 * Number(match[1] ?? 0) + Number(match[2].replace(",", ".")) : NaN;
}

/** 83.456 as "1 minute 23.5 seconds", for a screen reader. */
export function spoken(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = `${(seconds % 60).toFixed(1)} seconds`;
  if (minutes === 0) return rest;
  return `${minutes} ${minutes === 1 ? "minute" : "minutes"} ${rest}`;
}
