// Columns change places as one drags their heads; their menus move them too. Each head's link names all columns, in order.

export function attach(table, moveTo) {
  const heads = table.tHead;
  let dragged = null;

  const linkOf = (head) => head?.querySelector(".head-line > a");
  const orderOf = (head) => new URL(linkOf(head).href).searchParams.getAll("columns");

  /** Return the head under an event, if it is one of a column that can move. */
  function headOf(event) {
    const head = event.target.closest("th");
    return linkOf(head) && orderOf(head).includes(head.dataset.column) ? head : null;
  }

  function mark(head) {
    for (const each of heads.querySelectorAll(".is-target")) each.classList.remove("is-target");
    head?.classList.add("is-target");
  }

  heads.addEventListener("dragstart", (event) => {
    dragged = headOf(event);
    if (dragged) event.dataTransfer.effectAllowed = "move";
  });
  heads.addEventListener("dragover", (event) => {
    const head = headOf(event);
    if (!dragged || !head) return;
    event.preventDefault();
    mark(head === dragged ? null : head);
  });
  heads.addEventListener("drop", (event) => {
    const head = headOf(event);
    if (!dragged || !head || head === dragged) return;
    event.preventDefault();
    const [moved, target] = [dragged.dataset.column, head.dataset.column];
    const order = orderOf(head);
    const isToTheRight = order.indexOf(moved) < order.indexOf(target);
    order.splice(order.indexOf(moved), 1);
    order.splice(order.indexOf(target) + (isToTheRight ? 1 : 0), 0, moved);
    moveTo(order);
  });
  heads.addEventListener("dragend", () => {
    dragged = null;
    mark(null);
  });
}
