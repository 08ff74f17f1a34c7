// A box for filters that offers what may come next: keys, operators, values. The server knows them (web:suggest).
// Roles and keys as the ARIA pattern "editable combobox with list" has them.

const PAUSE_MS = 120;

export function attach(box) {
  const list = document.createElement("ul");
  list.className = "suggestions";
  list.id = `${box.id}-suggestions`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", box.getAttribute("aria-label"));
  list.hidden = true;
  box.after(list);
  const set = (name, value) => box.setAttribute(`aria-${name}`, value);
  box.setAttribute("role", "combobox");
  set("autocomplete", "list");
  set("expanded", "false");
  set("controls", list.id);

  let start = 0;
  let lit = -1;
  let timer;
  let asked = 0;

  function close() {
    clearTimeout(timer);
    asked += 1;
    list.hidden = true;
    set("expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function light(place) {
    const options = [...list.children];
    lit = (place + options.length) % options.length;
    for (const [number, option] of options.entries()) option.setAttribute("aria-selected", String(number === lit));
    options[lit].scrollIntoView({ block: "nearest" });
    set("activedescendant", options[lit].id);
  }

  function take(option) {
    const caret = box.selectionStart;
    box.setRangeText(option.dataset.text, start, caret, "end");
    box.focus();
    ask();
  }

  function show(answer) {
    start = answer.start;
    lit = -1;
    list.replaceChildren(
      ...answer.offers.map((offer, number) => {
        const option = document.createElement("li");
        option.id = `${list.id}-${number}`;
        option.setAttribute("role", "option");
        option.dataset.text = offer.text;
        const label = document.createElement("bdi");
        label.textContent = offer.label;
        const hint = document.createElement("span");
        hint.className = "muted";
        hint.textContent = offer.hint;
        option.append(label, hint);
        return option;
      }),
    );
    list.hidden = !answer.offers.length;
    set("expanded", String(!list.hidden));
    box.removeAttribute("aria-activedescendant");
  }

  async function ask() {
    const mine = ++asked;
    const query = new URLSearchParams({ text: box.value, caret: box.selectionStart });
    try {
      const response = await fetch(`${box.dataset.suggest}?${query}`, { redirect: "error" });
      if (!response.ok || mine !== asked || document.activeElement !== box) return;
      const answer = await response.json();
      if (mine === asked) show(answer);
    } catch {
      close(); // what it offers is a comfort: the box works without
    }
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  box.addEventListener("focus", ask);
  box.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the box keeps the focus
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  box.addEventListener("keydown", (event) => {
    if (list.hidden) {
      if (event.key === "ArrowDown") ask();
      return;
    }
    const options = list.children;
    if (event.key === "ArrowDown") light(lit + 1);
    else if (event.key === "ArrowUp") light(lit < 0 ? options.length - 1 : lit - 1);
    else if ((event.key === "Enter" && lit >= 0) || (event.key === "Tab" && lit >= 0)) take(options[lit]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  return { ask };
}
