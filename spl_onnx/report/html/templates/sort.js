// Sorts a table by a column. The page is complete without it.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.classList.contains("empty")) return null;
    const key = cell.dataset.key ?? cell.textContent;
    return key !== "" && Number.isFinite(Number(key)) ? Number(key) : key;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const next = { descending: "ascending", ascending: "none" }[heading.getAttribute("aria-sort")];
      const order = next ?? "descending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...original];
      if (order !== "none") {
        heading.setAttribute("aria-sort", order);
        rows.sort((first, second) => {
          const [a, b] = [value(first, column), value(second, column)];
          if (a === null || b === null) return (a === null) - (b === null);
          return sign * compare(a, b);
        });
      }
      body.replaceChildren(...rows);
    });
  });
}
