// Shows the facts of one release instead of the newest; the address holds the choice.
const pick = document.querySelector(".pick");
const select = pick.querySelector("select");
const said = pick.querySelector("[role=status]");
const says = JSON.parse(pick.dataset.says);
const cells = [...select.options].slice(1).map((option) => option.value);
const rows = [...document.querySelectorAll("tr[data-by]")].map((tr) => {
  const outcomes = tr.dataset.outcomes.split("|");
  const by = [...tr.dataset.by].map((sign) => (sign === "-" ? "" : outcomes[parseInt(sign, 16)]));
  return { tr, td: tr.cells[1], by, newest: tr.cells[1].textContent };
});
const heads = document.querySelectorAll("th.now");

function sentence(now) {
  if ((now["out.mask"] || "").startsWith("raises ")) return `${now["out.mask"]} when its input carries a mask`;
  const asked = Object.keys(says).filter((aspect) => now[aspect] && aspect !== "out.unmasked");
  const words = (asked.length ? asked : ["out.unmasked"])
    .filter((aspect) => now[aspect])
    .map((aspect) => says[aspect][now[aspect]] || `${aspect}: ${now[aspect]}`);
  if (!words.length) return "";
  return words.length === 1 ? words[0] : `${words.slice(0, -1).join(", ")}, and ${words.at(-1)}`;
}

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
  const first = document.querySelector(".subject");
  const now = {};
  for (const { tr, by } of rows) if (first.contains(tr)) now[tr.dataset.aspect] = by[place];
  const answer = sentence(now);
  said.textContent = answer
    ? `In ${name}, ${pick.dataset.subject} ${answer}.`
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
