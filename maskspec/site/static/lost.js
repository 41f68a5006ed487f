// An address that does not exist: the pages whose names are nearest.
const root = new URL("..", import.meta.url);
const asked = decodeURIComponent(location.pathname.split("/").pop() || "").replace(/\.html$/, "");
const pairs = (text) => {
  const lower = text.toLowerCase();
  return new Set([...lower].map((_, place) => lower.slice(place, place + 2)));
};
const wanted = pairs(asked);
function likeness(name) {
  const have = pairs(name);
  const both = [...wanted].filter((pair) => have.has(pair)).length;
  return (2 * both) / (wanted.size + have.size || 1);
}
const names = await (await fetch(new URL("data/names.json", root))).json();
const nearest = names
  .map(([page, title]) => ({ page, title, name: page.split("/").pop().replace(/\.html$/, "") }))
  .map((one) => ({ ...one, like: likeness(one.name) }))
  .sort((a, b) => b.like - a.like)
  .slice(0, 5)
  .filter((one) => one.like > 0.3);
if (asked && nearest.length) {
  document.getElementById("asked").textContent = `There is no ${asked}. The nearest:`;
  document.getElementById("nearest").append(
    ...nearest.map(({ page, title, name }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = new URL(page, root);
      link.textContent = name;
      item.append(link, title === name ? "" : `: ${title}`);
      return item;
    }),
  );
}
