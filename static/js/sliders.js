// A number and a slider that show one value. The number is the field; the slider moves it.

export function connectSliders(root) {
  for (const measure of root.querySelectorAll("[data-measure]")) {
    const number = measure.querySelector("input[type=number]");
    const slider = measure.querySelector("input[type=range]");
    slider.disabled = number.disabled;
    const follow = () => {
      if (number.value !== "") slider.value = number.value;
      const share = (slider.value - slider.min) / (slider.max - slider.min);
      slider.style.setProperty("--filled", Number.isFinite(share) ? share : 0);
    };
    number.addEventListener("input", follow);
    slider.addEventListener("input", () => {
      number.value = slider.value;
      number.dispatchEvent(new Event("input", { bubbles: true }));
    });
    follow();
  }
}
