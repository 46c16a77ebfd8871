// Buttons that show the password they stand beside, and hide it again.

for (const button of document.querySelectorAll("[data-show-password]")) {
  const box = document.getElementById(button.dataset.showPassword);
  button.addEventListener("click", () => {
    const shown = box.type === "text";
    box.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    box.focus();
  });
}
