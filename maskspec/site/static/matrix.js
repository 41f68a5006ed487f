// Filters the rows and columns of a matrix; the address holds the choice.
const form = document.querySelector("form.filters");
const table = document.getElementById("grid");
const count = document.getElementById("count");
const heads = [...table.querySelectorAll("thead .cell")];
const places = new Map(heads.map((head, place) => [head.dataset.cell, place]));
const groups = heads.map((head) => [...head.classList].find((name) => name.startsWith("g-")).slice(2));
const noun = count.textContent.trim().split(" ").slice(1).join(" ");
// As rows are laid out as grids, some browsers do not see a table in it any more.
const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
const HEADS = { col: "columnheader", colgroup: "columnheader", row: "rowheader" };
for (const one of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")]) {
  one.setAttribute("role", ROLES[one.tagName] || HEADS[one.scope]);
}
const rows = [...table.tBodies[0].rows].map((tr) => {
  const values = [];
  const cells = [...tr.cells].slice(1).map((td) => {
    const start = values.length;
    for (let n = 0; n < td.colSpan; n++) values.push(td.classList[0]);
    return { td, start };
  });
  return { tr, values, cells, text: tr.cells[0].textContent.toLowerCase() };
});
let shown = ""; // the implementation whose columns are shown

function choice() {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
}

function columns(on) {
  if (on === shown) return;
  shown = on;
  const hides = (group) => Boolean(on) && group !== on;
  for (const group of new Set(groups)) {
    for (const one of table.querySelectorAll(`.g-${group}`)) one.hidden = hides(group);
  }
  for (const { cells } of rows) for (const { td, start } of cells) td.hidden = hides(groups[start]);
}

function filter() {
  performance.mark("filter-start");
  const { q = "", chapter, source, on = "", verdict, from, to } = choice();
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const [a, b] = [places.get(from), places.get(to)];
  let left = 0;
  for (const { tr, values, text } of rows) {
    const keeps =
      words.every((word) => text.includes(word)) &&
      (!chapter || tr.dataset.chapter === chapter) &&
      (!source || tr.dataset.sources.split(" ").includes(source)) &&
      (!verdict || values.some((value, place) => value === verdict && (!on || groups[place] === on))) &&
      (!from || !to || (values[a] !== values[b] && values[a] !== "none" && values[b] !== "none"));
    if (tr.hidden === keeps) tr.hidden = !keeps;
    left += keeps;
  }
  columns(on);
  for (const head of heads) head.classList.toggle("chosen", [from, to].includes(head.dataset.cell));
  count.textContent = left === rows.length ? `${left} ${noun}` : `${left} of ${rows.length} ${noun}`;
  performance.measure("filter", "filter-start");
}

function read() {
  const held = new URLSearchParams(location.search);
  for (const field of form.elements) if (field.name) field.value = held.get(field.name) || "";
  filter();
}

function keep(push) {
  const query = new URLSearchParams(choice()).toString();
  const address = location.pathname + (query ? `?${query}` : "");
  if (address !== location.pathname + location.search) {
    history[push ? "pushState" : "replaceState"](null, "", address);
  }
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  filter();
  keep(event.target.name !== "q");
});
form.addEventListener("reset", () => setTimeout(() => { filter(); keep(true); }));
addEventListener("popstate", read);
table.addEventListener("pointerover", ({ target }) => {
  if (target.title) return;
  if (target.matches("tbody th span")) target.title = target.textContent; // it may be cut off
  if (target.tagName !== "TD") return;
  const row = rows.find(({ tr }) => tr === target.parentElement);
  const { start } = row.cells.find(({ td }) => td === target);
  const [first, last] = [heads[start], heads[start + target.colSpan - 1]];
  const span = first === last ? first.title : `${first.title} to ${last.title}`;
  target.title = `${span}: ${target.textContent || "not run"}`;
});
read();
