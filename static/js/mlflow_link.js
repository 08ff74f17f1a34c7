// The links that the mlflow client prints: <tracking URI>/#/experiments/12/runs/abc….

const LINK = /^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?(\/artifacts)?/;

/** Return the path of our page for a link's hash; null if it is not one of mlflow's. */
export function pageOfHash(hash, workspace) {
  const match = LINK.exec(hash);
  if (!match) return null;
  const [, experiment, run, artifacts] = match;
  const base = `/w/${encodeURIComponent(workspace)}`;
  if (!run) return `${base}/experiments/${experiment}`;
  return `${base}/runs/${run}${artifacts ? "?tab=artifacts" : ""}`;
}

/** Go where an mlflow link points to, now and when the hash changes. */
export function followMlflowLinks(workspace) {
  const follow = () => {
    const page = pageOfHash(location.hash, workspace);
    if (page) location.replace(page);
  };
  addEventListener("hashchange", follow);
  follow();
}
