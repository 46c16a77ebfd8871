// Light or dark: what was chosen here before, else what the system says.
//
// A classic script in the head, so that it runs before anything is painted and no page flashes.

{
  const STORED = "soundstage-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      return localStorage.getItem(STORED);
    } catch {
      return null; // storage is forbidden here
    }
  };

  const show = () => {
    const chosen = stored();
    root.dataset.theme = chosen === "dark" || chosen === "light" ? chosen : dark.matches ? "dark" : "light";
    document.querySelector("[data-theme-toggle]")?.setAttribute("aria-pressed", root.dataset.theme === "dark");
  };

  show();
  dark.addEventListener("change", show);
  addEventListener("storage", show); // chosen in another tab
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(STORED, chosen);
      show();
    } catch {
      root.dataset.theme = chosen; // for this page
    }
  });
}
