// A click on a column's name sorts by it, another click turns the order round.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const isDown = head.ariaSort === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].map((row) => [orderOf(row.cells[column]), row]);
      rows.sort(([a], [b]) => compare(a, b, isDown ? -1 : 1));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}

function orderOf(cell) {
  const text = cell.textContent.trim();
  const number = Number(cell.dataset.order ?? (text || NaN));
  return Number.isNaN(number) ? text : number;
}

// Numbers come before words, and what is missing comes last in either order.
function compare(a, b, direction) {
  const kinds = [a, b].map((value) => (value === "–" || value === "" ? 2 : typeof value === "string" ? 1 : 0));
  if (kinds[0] !== kinds[1]) return kinds[0] - kinds[1];
  return direction * (kinds[0] === 0 ? a - b : a.localeCompare(b, undefined, { numeric: true }));
}
