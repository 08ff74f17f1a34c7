// A tracking URI without a workspace means the workspace "default": its printed links arrive at the root.
import { readRecents } from "./frame.js";
import { followMlflowLinks } from "./mlflow_link.js";

followMlflowLinks("default");

const section = document.querySelector("[data-recents]");
const lines = readRecents().map(({ path, name, where }) => {
  const line = section.querySelector("template").content.cloneNode(true);
  const link = line.querySelector("a");
  link.href = path;
  link.textContent = link.title = name;
  line.querySelector(".row-end").textContent = where;
  return line;
});
section.querySelector("ul").replaceChildren(...lines);
section.hidden = lines.length === 0;
