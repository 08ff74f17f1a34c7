// Keep what stands behind the "#" across signing in: the links that the mlflow client prints need it.

const next = document.querySelector("input[name=next]");
if (location.hash.startsWith("#/")) next.value += location.hash;
