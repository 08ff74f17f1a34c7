// A tracking URI without a workspace means the workspace "default": its printed links arrive at the root.
import { followMlflowLinks } from "./mlflow_link.js";

followMlflowLinks("default");
