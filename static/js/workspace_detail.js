// The tracking URI is this page's address, so the links that the mlflow client prints arrive here.
import { followMlflowLinks } from "./mlflow_link.js";

followMlflowLinks(document.querySelector("script[data-workspace]").dataset.workspace);
