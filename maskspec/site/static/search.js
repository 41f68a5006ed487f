// The search: Pagefind finds, this shows. A layer or a claim that is named stands first.
const root = new URL("..", import.meta.url);
const form = document.getElementById("search");
const input = form.querySelector("input");
const list = document.getElementById("results");
const count = document.getElementById("count");
const AT_ONCE = 20;
const names = await (await fetch(new URL("data/names.json", root))).json();
const pagefind = await import(new URL("pagefind/pagefind.js", root));
await pagefind.init();
let last = 0;
// What a question has beside what it is about: small words, and the names of releases.
const SMALL = new Set(("a an and are as at be by can do does for from has have how i if in is it its me my of on or " +
  "so such that the their there this to was what when where which why will with you your keras tensorflow tf tf.keras").split(" "));

const kinds = new Map(names.map(([page, , kind]) => [page, kind]));

/** The pages that the query names. A name that is a plain word counts in small letters only alone. */
function named(query) {
  const words = query.match(/[A-Za-z0-9_.-]+/g) || [];
  const small = words.map((word) => word.toLowerCase());
  return names.filter(([, , , calls]) => calls.some((name) => words.includes(name) ||
    ((words.length === 1 || /[a-z][A-Z]|[0-9_.]/.test(name)) && small.includes(name.toLowerCase()))));
}

function entry(page, title, excerpt) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = new URL(page, root);
  link.textContent = title;
  const tag = document.createElement("span");
  tag.className = "tag";
  tag.textContent = kinds.get(page) || "page";
  const text = document.createElement("p");
  text.innerHTML = excerpt; // Pagefind escapes it, and adds <mark>
  item.append(link, " ", tag, text);
  return item;
}

/** The pages that have all words; if none has, those that have the words that count, or the first of them. */
async function matches(query) {
  const words = query.split(/\s+/).filter((word) => !SMALL.has(word.toLowerCase().replace(/[?!.,;:]+$/, "")) && !/^[0-9.]+\??$/.test(word));
  let { results } = await pagefind.search(query);
  for (let most = words.length; !results.length && most; most--) {
    ({ results } = await pagefind.search(words.slice(0, most).join(" ")));
  }
  return results;
}

async function find(typed) {
  const mine = ++last;
  const query = typed.replace(/(?:[a-z_]+\.)*keras\.(?:[a-z_]+\.)*(?=[A-Za-z])/g, ""); // tf.keras.layers.LSTM
  const first = named(query);
  const found = query ? await matches(query) : [];
  const shown = await Promise.all(found.slice(0, AT_ONCE).map((one) => one.data()));
  if (mine !== last) return; // something else was typed meanwhile
  const known = new Set(first.map(([page]) => page));
  const items = first.map(([page, title]) => entry(page, title, ""));
  for (const one of shown) {
    const page = one.raw_url.replace(/^\//, "");
    if (!known.has(page)) items.push(entry(page, one.meta.title, one.excerpt));
  }
  list.replaceChildren(...items);
  count.textContent = query ? `${items.length === 1 ? "One page" : `${items.length || "No"} pages`}${found.length > AT_ONCE ? `, the best of ${found.length}` : ""}` : "";
  performance.mark("found");
}

function read() {
  input.value = new URLSearchParams(location.search).get("q") || "";
  find(input.value.trim());
}

let waiting;
function go(push) {
  const query = input.value.trim();
  history[push ? "pushState" : "replaceState"](null, "", query ? `?q=${encodeURIComponent(query)}` : location.pathname);
  find(query);
}
input.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(go, 150, false);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  go(true);
});
addEventListener("popstate", read);
read();
