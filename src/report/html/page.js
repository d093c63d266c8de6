"use strict";
(() => {
  const box = document.getElementById("filter");
  if (!box) return;
  document.documentElement.classList.add("scripted");
  const count = document.getElementById("count");
  const items = [...document.querySelectorAll("[data-text]")];
  const nodes = [...document.querySelectorAll("svg [data-node]")];
  const sections = [...document.querySelectorAll("section[data-list]")];
  const sets = JSON.parse(document.getElementById("sets").textContent)
    .map((names) => names.map((name) => name.toLowerCase()));

  // Every word must occur; `cluster:NAME` asks for items that hold in just that cluster.
  const matcher = (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return (text, set) => words.every((word) => {
      const names = set === null ? [] : sets[set] || [];
      return word.startsWith("cluster:")
        ? names.includes(word.slice("cluster:".length))
        : text.includes(word) || names.some((name) => name.includes(word));
    });
  };
  const setOf = (item) => item.dataset.set === undefined ? null : Number(item.dataset.set);
  const apply = () => {
    const matches = matcher(box.value);
    let shown = 0;
    for (const item of items) {
      const is = matches(item.dataset.text.toLowerCase(), setOf(item));
      item.hidden = !is;
      if (is) shown += 1;
    }
    for (const node of nodes) {
      node.classList.toggle("dim", !matches(node.dataset.node.toLowerCase(), setOf(node)));
    }
    for (const section of sections) {
      section.hidden = !section.querySelector("[data-text]:not([hidden])");
    }
    count.textContent = box.value.trim() === "" ? "" : `${shown} of ${items.length}`;
  };
  box.addEventListener("input", apply);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.value = ""; apply(); }
  });
  document.getElementById("clear").addEventListener("click", () => {
    box.value = ""; apply(); box.focus();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.cluster");
    if (!button) return;
    const query = `cluster:${button.dataset.cluster}`;
    box.value = box.value === query ? "" : query;
    apply();
  });
})();
