// What the job costs on each backend, while its length and its clip are chosen.

const NUMBERS = { USD: { minimumFractionDigits: 2, maximumFractionDigits: 4 }, other: { maximumFractionDigits: 4 } };

/** 0.008 USD as "$0.008", 12.5 CU as "12.5 CU": as `webapp.studio.labels.money` writes it. */
function money(amount, unit) {
  const number = amount.toLocaleString("en-GB", NUMBERS[unit] ?? NUMBERS.other);
  return unit === "USD" ? `$${number}` : `${number} ${unit}`;
}

/** Connect the backends of `form`. Returns `follow(clip)`: the clip that now bounds the seconds paid for, or null. */
export function followCost(form) {
  const total = form.querySelector("[data-job-cost]");
  const offers = [...form.querySelectorAll("[data-backend]")];
  let clip = null;

  function seconds() {
    const asked = Number(form.elements.duration.value);
    return clip && form.elements.mode.value === "video" ? Math.min(asked, clip.duration) : asked;
  }

  function show() {
    for (const offer of offers) {
      const { amount, per, unit, label } = offer.dataset;
      const place = offer.querySelector("[data-cost]");
      const known = amount !== undefined && seconds() > 0;
      if (place && known) place.textContent = money(Number(amount) * (per === "second" ? seconds() : 1), unit);
      if (offer.querySelector(":checked")) {
        const said = [label, place?.textContent].filter(Boolean).join(" · ");
        if (total.textContent !== said) total.textContent = said;
      }
    }
  }

  if (total) for (const event of ["input", "change"]) form.addEventListener(event, show);
  return (chosen) => {
    clip = chosen;
    if (total) show();
  };
}
