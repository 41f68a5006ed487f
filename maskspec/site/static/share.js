// Copies the page's permanent address, alone or as Markdown.
const box = document.querySelector(".share");
const said = box.querySelector("[role=status]");
const { id, words } = box.dataset;

function texts() {
  const here = location.origin + location.pathname + location.search; // without the place on it
  return {
    link: here,
    markdown: `[${id}: ${words}](${here})`,
    badge: `[![${id}](${here.replace(/\.html.*$/, ".svg")})](${here})`,
  };
}

box.hidden = false;
for (const button of box.querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    const text = texts()[button.dataset.copy];
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied.";
    } catch {
      said.textContent = text; // to be copied by hand
    }
  });
}
