// Dark, light or as the system has it, chosen before the first paint: this script is no module, so
// that the browser runs it while it reads the head. The choice is all that is kept of a visitor.
(() => {
  const KEY = "contactd-theme";
  const CHOICES = ["system", "light", "dark"];

  const kept = () => {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      // A browser that keeps nothing for pages still shows them.
      return "system";
    }
  };

  const apply = (choice) => {
    document.documentElement.dataset.theme = choice;
    const button = document.getElementById("theme-button");
    if (!button) return;
    button.textContent = choice;
    button.setAttribute("aria-label", `Theme: ${choice}`);
  };

  let choice = kept();
  apply(choice);

  document.addEventListener("DOMContentLoaded", () => {
    apply(choice);
    document.getElementById("theme-button").addEventListener("click", () => {
      choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
      apply(choice);
      try {
        localStorage.setItem(KEY, choice);
      } catch {
        // As above: it holds until the page is left.
      }
    });
  });
})();
