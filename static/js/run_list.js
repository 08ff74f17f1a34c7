// The list of runs that one looks through, kept for this tab, so that a run's page knows its neighbours.

const KEY = "run-list";

/** Remember the addresses of runs, in order. */
export function keepRunList(paths) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(paths));
  } catch {
    // Without storage a run has no neighbours.
  }
}

/** Return the addresses that were remembered last. */
export function readRunList() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}
