"use strict";
const NUMBER = /^[<>=\s]*[-+]?[\d.]/, NOTHING = ["", "-", "missing", "nan", "<na>"];
const isWord = text => !NUMBER.test(text) && !NOTHING.includes(text.toLowerCase());
// Tables of numbers sort by a click on a column's head; those with merged cells or players stay as they are.
for (const table of document.querySelectorAll("table")) {
  const head = table.tHead && table.tHead.rows[0], body = table.tBodies[0];
  if (!head || !body) continue;
  // pandas names an index in a row of its own: the name moves into the empty cell above it
  const names = table.tHead.rows[1];
  if (names && [...names.cells].every((cell, i) => !cell.textContent || !head.cells[i]?.textContent)) {
    [...names.cells].forEach((cell, i) => cell.textContent && head.cells[i].append(cell.textContent));
    names.remove();
  }
  if (table.tHead.rows.length > 1) continue;
  if (table.querySelector("[rowspan]:not([rowspan='1']), [colspan]:not([colspan='1'])")) continue;
  [...head.cells].forEach((cell, column) => {
    const below = [...body.rows].map(row => row.cells[column]).filter(Boolean);
    if (below.some(one => isWord(one.textContent.trim()))) for (const one of [cell, ...below]) one.style.textAlign = "left";
  });
  if (body.rows.length < 2 || table.querySelector("audio")) continue;
  [...head.cells].forEach((cell, column) => {
    if (!cell.textContent.trim()) return;
    const button = document.createElement("button");
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const turn = cell.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      [...head.cells].forEach(other => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", turn > 0 ? "ascending" : "descending");
      const value = row => row.cells[column].textContent.trim();
      body.append(...[...body.rows].sort((a, b) => {
        const [x, y] = [parseFloat(value(a)), parseFloat(value(b))];
        if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;  // what is no number stands last
        return turn * (isNaN(x) ? value(a).localeCompare(value(b)) : x - y);
      }));
    });
  });
}
// What is wider than its place scrolls by the arrow keys too.
const reachable = () => {
  for (const one of document.querySelectorAll(".output, pre")) {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
  }
};
addEventListener("resize", reachable);
addEventListener("load", reachable);
document.addEventListener("toggle", reachable, true);  // code that is unfolded
