// The colour theme. A blocking script in <head>, so that a dark page never flashes white.
(() => {
  const CHOICES = ["system", "light", "dark"];
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const stored = localStorage.getItem("theme");
      return CHOICES.includes(stored) ? stored : "system";
    } catch {
      return "system"; // storage is switched off
    }
  }

  function apply(choice) {
    const isDark = choice === "dark" || (choice === "system" && systemIsDark.matches);
    document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
    document.documentElement.dataset.themeChoice = choice;
    document.dispatchEvent(new CustomEvent("theme-changed"));
  }

  function label(button, choice) {
    const text = button.getAttribute(`data-label-${choice}`);
    button.setAttribute("aria-label", text);
    button.title = text;
  }

  apply(chosen());
  systemIsDark.addEventListener("change", () => apply(chosen()));
  addEventListener("storage", () => apply(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");

    function choose(next) {
      try {
        localStorage.setItem("theme", next);
      } catch {
        // Without storage the choice lasts for this page.
      }
      apply(next);
      label(button, next);
    }

    button.hidden = false;
    label(button, chosen());
    button.addEventListener("click", () => {
      choose(CHOICES[(CHOICES.indexOf(document.documentElement.dataset.themeChoice) + 1) % CHOICES.length]);
    });
    document.addEventListener("click", (event) => {
      const said = event.target.closest("[data-set-theme]"); // in the palette
      if (said) choose(said.dataset.setTheme);
    });
  });
})();
