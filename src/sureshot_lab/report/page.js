// What lies below the pointer, beside it. The page says the same without.
for (const plot of document.querySelectorAll(".plot")) {
  const lines = [...plot.querySelectorAll("path[data-y]")].map((path) => ({
    name: path.dataset.name,
    x: path.dataset.x.split("|").map(Number),
    at: path.dataset.at.split("|"),
    y: path.dataset.y.split("|"),
  }));
  if (!lines.length) continue;
  const cursor = document.createElement("div");
  const tip = document.createElement("div");
  cursor.className = "cursor";
  tip.className = "tip";
  const nearest = (line, x) => {
    let best = 0;
    for (let n = 1; n < line.x.length; n++) {
      if (Math.abs(line.x[n] - x) < Math.abs(line.x[best] - x)) best = n;
    }
    return best;
  };
  const row = (kind, text) => {
    const part = document.createElement(kind);
    part.textContent = text;
    return part;
  };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const x = (1000 * (event.clientX - box.left)) / box.width;
    const found = lines
      .map((line) => [line, nearest(line, x)])
      .filter(([line, n]) => Math.abs(line.x[n] - x) < 30);
    if (!found.length) return leave();
    const [first, n] = found[0];
    cursor.style.left = first.x[n] / 10 + "%";
    tip.style.left = x < 500 ? `calc(${first.x[n] / 10}% + 8px)` : "auto";
    tip.style.right = x < 500 ? "auto" : `calc(${100 - first.x[n] / 10}% + 8px)`;
    tip.replaceChildren(
      row("b", first.at[n]),
      ...found.map(([line, k]) => row("span", `${line.name} ${line.y[k]}`)),
    );
    plot.append(cursor, tip);
  });
  const leave = () => { cursor.remove(); tip.remove(); };
  plot.addEventListener("pointerleave", leave);
}
