// The page Upgrade: choose two releases and what you use, and read what changes. The choice stands
// behind the # of the address, which no browser sends anywhere.
import { Comparison } from "./compare.js";

const root = new URL("..", import.meta.url);
const form = document.getElementById("upgrade");
const { from, to } = form.elements;
const used = document.getElementById("used");
const found = document.getElementById("found");
const result = document.getElementById("result");
const FEW = 12; // facts that are not folded
let missing = []; // releases that the address names, and that there are not

const make = (name, attributes = {}, ...children) => {
  const node = Object.assign(document.createElement(name), attributes);
  node.append(...children);
  return node;
};
const html = (name, text, className = "") => make(name, { innerHTML: text, className });
const verdict = (word) => make("span", { className: `v ${word}` }, word);
const code = (text) => make("code", {}, text);

result.setAttribute("aria-busy", "true");
const data = await (await fetch(new URL("data/upgrade.json", root))).json();
const comparison = new Comparison(data);
const title = (name) => data.cells[comparison.places.get(name)].title;

function cause(name) {
  const [, repository, sign, number] = /^(.*?)([#@])(.*)$/.exec(name);
  const href = `https://github.com/${repository}/${sign === "#" ? "pull" : "commit"}/${number}`;
  return make("a", { href }, name);
}

function entry(change, steps) {
  const { claim } = change;
  const box = make("article", { className: "change" });
  const link = html("a", claim.sentence);
  link.href = new URL(`c/${claim.id}.html`, root);
  box.append(make("p", {}, change.lead, link));
  const verdicts = make("p", {}, verdict(change.before), make("span", { className: "arrow" }, " → "), verdict(change.after));
  if (change.before === change.after || change.cases.length !== change.of) {
    for (const [name, old, next] of change.cases) verdicts.append(" ", code(name || "its case"), ` ${old} → ${next};`);
  }
  for (const name of change.vanished) verdicts.append(" ", code(name || "its case"), " without a verdict;");
  for (const [name, old, next] of change.observed) {
    verdicts.append(" ", code(name || "its case"), ` ${old || "no error"} → ${next || "no error"};`);
  }
  box.append(verdicts);
  if (claim.otherwise && ["refuted", "partly"].includes(change.after)) box.append(html("p", `Instead: ${claim.otherwise}`));
  for (const id of change.instead) {
    const finding = html("a", comparison.claims.get(id).sentence);
    finding.href = new URL(`c/${id}.html`, root);
    box.append(make("p", {}, "Instead: ", finding));
  }
  const advice = (change.instead.length ? comparison.claims.get(change.instead[0]) : claim).advice;
  if (advice) box.append(html("div", advice, "advice"));
  const causes = comparison.causes(claim.id, steps);
  if (causes.length) {
    const line = make("p", { className: "muted" }, "Cause: ");
    causes.forEach((name, place) => line.append(place ? ", " : "", cause(name)));
    box.append(line);
  }
  return box;
}

function byKind(changes, steps) {
  return comparison.order.flatMap((kind) => {
    const mine = changes.filter((change) => change.kind === kind).sort((a, b) => a.claim.level - b.claim.level);
    if (!mine.length) return [];
    const heading = `${kind[0].toUpperCase()}${kind.slice(1)} (${mine.length})`;
    const entries = mine.map((change) => entry(change, steps));
    const meaning = make("p", { className: "muted" }, `${data.kinds[kind]}.`);
    if (data.first.includes(kind)) return [make("section", {}, make("h2", {}, heading), meaning, ...entries)];
    return [make("details", {}, make("summary", {}, heading), meaning, ...entries)];
  });
}

// Groups of facts, of each page one after the other, so that none fills the list alone.
function inTurn(groups) {
  const pages = new Map();
  for (const group of groups) {
    const page = group[0].subject.public;
    pages.set(page, [...(pages.get(page) || []), group]);
  }
  const most = Math.max(0, ...[...pages.values()].map((mine) => mine.length));
  return [...Array(most).keys()].flatMap((n) => [...pages.values()].flatMap((mine) => mine.slice(n, n + 1)));
}

function factsOf(facts) {
  const groups = new Map();
  for (const fact of facts) {
    const key = [fact.subject.name, fact.before, fact.after].join("\n");
    groups.set(key, [...(groups.get(key) || []), fact]);
  }
  const lines = inTurn([...groups.values()]).map((group) => {
    const [{ subject, aspect, before, after }] = group;
    const link = make("a", { href: new URL(subject.page, root) }, code(subject.name));
    const more = group.length > 1 ? ` (${group.length - 1} more alike)` : "";
    return make("li", {}, link, ` ${data.aspects[aspect]} `, make("em", {}, before || "not asked"), " → ",
      make("em", {}, after || "not asked"), more);
  });
  const list = make("ul", {}, ...lines.slice(0, FEW));
  if (lines.length <= FEW) return [list];
  return [list, make("details", {}, make("summary", {}, `${lines.length - FEW} more`), make("ul", {}, ...lines.slice(FEW)))];
}

function show() {
  performance.mark("compare-start");
  const [a, b] = [from.value, to.value];
  const words = comparison.words(used.value);
  const pages = comparison.pages(words);
  const unknown = words.filter((word) => !comparison.knows(word));
  found.textContent = [
    missing.length ? `There is no release ${missing.join(", ")} here; another is shown.` : "",
    unknown.length ? `No claim and no fact speaks of ${unknown.join(", ")}.` : "",
    words.length ? `Looking for: ${words.join(", ")}` : used.value.trim() ? "No name that any claim speaks of." : "",
  ].filter(Boolean).join(" ");
  const changes = comparison.changes(a, b);
  const steps = comparison.path(a, b);
  const mine = words.length ? comparison.concerning(changes, words) : changes;
  const rest = changes.filter((change) => !mine.includes(change));
  const facts = comparison.facts(a, b, pages);
  const parts = [];
  const named = words.length ? `, ${mine.length || "none"} of them about what you use` : "";
  parts.push(make("p", { className: "lead", id: "summary" },
    `${title(a)} to ${title(b)}: ${changes.length || "none"} of ${data.claims.length} claims change${named}.`));
  for (const [cell, count] of comparison.notRun(a, b)) {
    if (count) parts.push(make("p", { className: "muted" }, `${count} ${count > 1 ? "cases" : "case"} not compared, as ${title(cell)} has not run them.`));
  }
  parts.push(...byKind(mine, steps));
  if (facts === null) {
    parts.push(make("p", { className: "note" }, "One of the two has no recorded atlas, so facts cannot be compared."));
  } else if (pages.length || !words.length) {
    parts.push(make("h2", {}, `Facts${pages.length ? ` of ${pages.join(", ")}` : ""} (${facts.length || "none"} change)`), ...(facts.length ? factsOf(facts) : []));
  }
  if (rest.length) {
    parts.push(make("details", { className: "rest" }, make("summary", {}, `${rest.length} more changes, in claims that name none of these`), ...byKind(rest, steps)));
  }
  result.replaceChildren(...parts);
  result.setAttribute("aria-busy", "false");
  performance.measure("compare", "compare-start");
}

function read(event) {
  if (event && location.hash && !location.hash.includes("=")) return; // a link within the page
  const held = new URLSearchParams(location.hash.slice(1));
  const known = (name, otherwise) => (comparison.places.has(held.get(name)) ? held.get(name) : otherwise);
  missing = ["from", "to"].map((name) => held.get(name)).filter((name) => name && !comparison.places.has(name));
  from.value = known("from", form.dataset.from);
  to.value = known("to", form.dataset.to);
  if (comparison.words(used.value).join() !== (held.get("use") || "")) used.value = (held.get("use") || "").split(",").join(", ");
  show();
}

function keep(push) {
  const held = new URLSearchParams({ from: from.value, to: to.value });
  const words = comparison.words(used.value);
  if (words.length) held.set("use", words.join(","));
  history[push ? "pushState" : "replaceState"](null, "", `#${held}`);
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
let waiting;
form.addEventListener("input", ({ target }) => {
  clearTimeout(waiting);
  missing = [];
  waiting = setTimeout(() => { show(); keep(target !== used); }, target === used ? 200 : 0);
});
addEventListener("popstate", read);
addEventListener("hashchange", read);
read();
