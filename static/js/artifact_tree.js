// The tree marks the file whose preview is open.

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "preview") return;
  document.querySelector("#artifacts [aria-current]")?.removeAttribute("aria-current");
  event.detail.requestConfig.elt.setAttribute("aria-current", "true");
});
