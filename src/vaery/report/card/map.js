"use strict";
for (const box of document.querySelectorAll(".map")) {
  const { points, columns, colours } = JSON.parse(box.querySelector(".data").textContent);
  const [select, key, canvas, tip] = ["select", ".key", "canvas", ".tip"].map((name) => box.querySelector(name));
  const ramp = ["#2f3a8f", "#2d8fb5", "#55b98a", "#c9d35b", "#f5b83d"].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  const none = "#c3cbd4", margin = 16, off = new Set();
  const ends = [0, 1].map((axis) => {
    const values = points.map((p) => p[axis]);
    return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  });
  let width = 0, height = 0, colour = [], at = [];

  const mix = (t) => {
    const x = Math.min(0.9999, Math.max(0, t)) * (ramp.length - 1), i = Math.floor(x);
    return `rgb(${ramp[i].map((c, k) => Math.round(c + (x - i) * (ramp[i + 1][k] - c))).join(",")})`;
  };
  const short = (x) => (x === null ? "nothing" : Number(x.toPrecision(5)).toLocaleString("en"));
  const said = (column, i) => {
    if (column.texts) return column.texts[i] === null ? "nothing" : column.texts[i];
    if (column.numbers) return short(column.numbers[i]);
    return column.codes[i] === null ? "nothing" : column.levels[column.codes[i]];
  };
  const hue = (code) => (code === null ? none : colours[code % colours.length]);

  // The darkest and the lightest colour are the 2 % and 98 % quantiles: a few far-off values leave room for the others.
  function choose() {
    const column = columns[Number(select.value)];
    off.clear();
    key.replaceChildren();
    if (column.numbers) {
      const sorted = column.numbers.map((x, i) => [x, i]).filter(([x]) => x !== null).sort((a, b) => a[0] - b[0]);
      const pick = (q) => sorted[Math.round(q * (sorted.length - 1))] || [0, 0];
      const [[low, first], [high, last]] = [pick(0.02), pick(0.98)];
      colour = column.numbers.map((x) => (x === null ? none : mix(high > low ? (x - low) / (high - low) : 0.5)));
      const bar = document.createElement("span");
      bar.className = "ramp";
      bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(mix).join(",")})`;
      key.append(said(column, first), bar, said(column, last));
    } else {
      colour = column.codes.map(hue);
      const codes = column.levels.map((_, i) => i).concat(column.codes.includes(null) ? [null] : []);
      for (const code of codes) {
        const button = document.createElement("button"), dot = document.createElement("i");
        button.type = "button";
        button.title = "hide or show";
        dot.style.background = hue(code);
        button.append(dot, code === null ? "nothing" : column.levels[code]);
        button.onclick = () => {
          off.has(code) ? off.delete(code) : off.add(code);
          button.classList.toggle("off", off.has(code));
          draw();
        };
        key.append(button);
      }
    }
    draw();
  }

  function place() {
    const scale = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = Math.round(Math.min(620, Math.max(320, width * 0.6)));
    canvas.style.height = `${height}px`;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    const spans = ends.map(([low, high]) => high - low || 1);
    const one = Math.min((width - 2 * margin) / spans[0], (height - 2 * margin) / spans[1]);
    at = points.map((p) => [
      width / 2 + (p[0] - (ends[0][0] + ends[0][1]) / 2) * one,
      height / 2 - (p[1] - (ends[1][0] + ends[1][1]) / 2) * one,
    ]);
    draw();
  }

  const shown = (i) => {
    const column = columns[Number(select.value)];
    return !column.codes || !off.has(column.codes[i]);
  };

  function draw(chosen = -1) {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.globalAlpha = 0.78;
    const radius = points.length > 700 ? 3.2 : 4.2;
    at.forEach(([x, y], i) => {
      if (!shown(i)) return;
      pen.fillStyle = colour[i];
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
    });
    pen.globalAlpha = 1;
    if (chosen < 0) return;
    pen.strokeStyle = "#16202c";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(...at[chosen], radius + 3, 0, 7);
    pen.stroke();
  }

  canvas.onmousemove = (event) => {
    const frame = canvas.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    let best = -1, near = 144;
    at.forEach(([a, b], i) => {
      const far = (a - x) ** 2 + (b - y) ** 2;
      if (far < near && shown(i)) [best, near] = [i, far];
    });
    draw(best);
    tip.style.display = best < 0 ? "none" : "block";
    if (best < 0) return;
    tip.replaceChildren(...columns.slice(0, 18).map((column) => {
      const line = document.createElement("div"), value = document.createElement("b");
      value.textContent = said(column, best);
      line.append(`${column.name} `, value);
      return line;
    }));
    tip.style.left = `${x > width / 2 ? x - tip.offsetWidth - 14 : x + 14}px`;
    tip.style.top = `${Math.max(0, Math.min(height - tip.offsetHeight, y - 20))}px`;
  };
  canvas.onmouseleave = () => {
    tip.style.display = "none";
    draw();
  };
  select.onchange = choose;
  new ResizeObserver(place).observe(canvas.parentElement);
  place();
  choose();
}
