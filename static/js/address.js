// A part of the page's state that a script changes: in the address, and in the links and forms that lead back here. Saved views
// stay as they were saved.

/** Let `name` have these values, "" or [] for none, wherever this page's state is written. */
export function remember(name, values) {
  const wanted = [values].flat().filter((value) => value !== "");
  const changed = (href) => {
    const url = new URL(href);
    url.searchParams.delete(name);
    for (const value of wanted) url.searchParams.append(name, value);
    return url;
  };
  history.replaceState(history.state, "", changed(location.href));
  for (const link of document.querySelectorAll("main a[href]:not(.views-panel a)")) {
    if (link.pathname === location.pathname && link.origin === location.origin) link.href = changed(link.href);
  }
  for (const form of document.querySelectorAll("main form[method=get]")) {
    for (const field of form.querySelectorAll(`[type=hidden][name=${name}]`)) field.remove();
    for (const value of wanted) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
  }
}
