// Shows the facts of one release instead of the newest; the address holds the choice.
const pick = document.querySelector(".pick");
const select = pick.querySelector("select");
const said = pick.querySelector("[role=status]");
const cells = [...select.options].slice(1).map((option) => option.value);
/** What each cell has: `by` is a sign a cell, a place in `words` or a dash. */
const each = ({ words, by }) => {
  const known = words.split("|");
  return [...by].map((sign) => (sign === "-" ? "" : known[parseInt(sign, 36)]));
};
const sentences = each(pick.dataset);
const rows = [...document.querySelectorAll("tr[data-by]")].map((tr) => {
  return { tr, td: tr.cells[1], by: each(tr.dataset), newest: tr.cells[1].textContent };
});
const heads = document.querySelectorAll("th.now");

function show() {
  const place = cells.indexOf(select.value);
  const name = place < 0 ? "newest releases" : select.selectedOptions[0].textContent;
  for (const head of heads) head.textContent = name;
  for (const { tr, td, by, newest } of rows) {
    td.textContent = place < 0 ? newest : by[place] || "not asked";
    tr.classList.toggle("other", place >= 0 && by[place] !== newest);
  }
  said.textContent = "";
  if (place < 0) return;
  said.textContent = sentences[place]
    ? `In ${name}, ${pick.dataset.subject} ${sentences[place]}.`
    : `${name} does not have ${pick.dataset.subject}.`;
}

function read() {
  select.value = new URLSearchParams(location.search).get("in") || "";
  if (select.selectedIndex < 0) select.value = "";
  show();
}

pick.hidden = false;
select.addEventListener("change", () => {
  history.pushState(null, "", location.pathname + (select.value ? `?in=${select.value}` : "") + location.hash);
  show();
});
addEventListener("popstate", read);
read();
