// Search boxes over the tables of a run: rows whose key or value lacks the text are hidden.

for (const box of document.querySelectorAll("input[data-filter]")) {
  const rows = [...document.querySelectorAll(`${box.dataset.filter} tbody tr`)];
  const none = document.querySelector(`${box.dataset.filter}-none`);
  box.hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    none.hidden = rows.some((row) => !row.hidden);
  });
}
