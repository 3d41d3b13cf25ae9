// Who reads which slot of the memory: a heat map of sources and heads over slots, the inputs that read the
// chosen slot most, and the slots of a word. In JupyterLab anywidget calls `render`; a report calls it itself.
const TOP = 4; // inputs listed for a slot
const FOUND = 8; // slots listed for a word
const HEAT = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]; // viridis
const ALL = "-1";

const CSS = `
.memory-explorer { font: inherit; line-height: 1.4; max-width: 60rem; }
.memory-explorer form { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin: .4rem 0; }
.memory-explorer select, .memory-explorer input { font: inherit; max-width: 22rem; }
.memory-explorer .map { display: grid; grid-template-columns: max-content 1fr; gap: 0 .6rem; align-items: start; }
.memory-explorer .rows { display: grid; font-size: .75rem; line-height: 1; text-align: right; }
.memory-explorer .rows span { height: 1rem; display: flex; align-items: center; justify-content: flex-end; }
.memory-explorer canvas { width: 100%; image-rendering: pixelated; cursor: crosshair; display: block; }
.memory-explorer canvas:focus-visible { outline: 3px solid #0b57a4; outline-offset: 2px; }
.memory-explorer figure { display: inline-block; vertical-align: top; width: 8.5rem; margin: .3rem; font-size: .8rem; }
.memory-explorer figure img { width: 64px; height: 64px; image-rendering: pixelated; display: block; }
.memory-explorer .slots button { font: inherit; margin: .15rem; }
`;

function element(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function unpacked(base64) { // little-endian uint16, a share of 1 is 65535
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  return Float32Array.from(new Uint16Array(bytes.buffer), value => value / 65535);
}

function colour(share) {
  const place = Math.min(0.9999, Math.max(0, share)) * (HEAT.length - 1);
  const low = Math.floor(place);
  return HEAT[low].map((value, i) => Math.round(value + (HEAT[low + 1][i] - value) * (place - low)));
}

function render({ model, el }) {
  const data = model.get("payload");
  const { sources, heads, slots, captions, pictures } = data;
  const items = captions.length;
  const reads = unpacked(data.reads);
  const at = (source, item, head, slot) => reads[((source * items + item) * heads + head) * slots + slot];
  const mean = new Float32Array(sources.length * heads * slots);
  for (let source = 0; source < sources.length; source++)
    for (let item = 0; item < items; item++)
      for (let cell = 0; cell < heads * slots; cell++)
        mean[source * heads * slots + cell] += reads[(source * items + item) * heads * slots + cell] / items;
  const average = (source, head, slot) => mean[(source * heads + head) * slots + slot];
  const chosen = { item: ALL, head: 0, slot: 0 };
  const rows = heads * sources.length; // of the map: the sources of head 1, then those of head 2, ...
  const parts = row => [Math.floor(row / sources.length), row % sources.length];

  const number = max => element("input", { type: "number", min: "1", max: `${max}`, value: "1", style: "width:5rem" });
  const input = element("select", {}, element("option", { value: ALL }, "all inputs, on average"));
  captions.forEach((text, i) => input.append(element("option", { value: `${i}` }, `${i}: ${text}`)));
  const head = number(heads), slot = number(slots);
  const word = element("input", { type: "search", placeholder: "circle" });
  const canvas = element("canvas", { width: `${slots}`, height: `${rows}`, tabindex: "0", role: "img" });
  canvas.style.height = `${rows}rem`;
  const names = element("div", { class: "rows", "aria-hidden": "true" });
  for (let row = 0; row < rows; row++) {
    const [h, s] = parts(row);
    names.append(element("span", {}, `head ${h + 1} · ${sources[s]}`));
  }
  const scale = element("p"), readers = element("div", { "aria-live": "polite" });
  const found = element("p", { class: "slots", "aria-live": "polite" });

  const shown = (source, h, s) =>
    chosen.item === ALL ? average(source, h, s) : at(source, Number(chosen.item), h, s);

  function draw() {
    const context = canvas.getContext("2d"), image = context.createImageData(slots, rows);
    let most = 1e-6;
    for (let row = 0; row < rows; row++) {
      const [h, source] = parts(row);
      for (let s = 0; s < slots; s++) most = Math.max(most, shown(source, h, s));
    }
    for (let row = 0; row < rows; row++) {
      const [h, source] = parts(row);
      for (let s = 0; s < slots; s++) {
        const mark = h === chosen.head && s === chosen.slot;
        const rgb = mark ? [255, 80, 60] : colour(shown(source, h, s) / most);
        image.data.set([...rgb, 255], 4 * (row * slots + s));
      }
    }
    context.putImageData(image, 0, 0);
    scale.textContent = `Slots 1 to ${slots} from left to right. Dark: 0, yellow: a share of ${most.toFixed(2)} of ` +
      "the read; red: the chosen slot. Click, or move with the arrow keys.";
    canvas.setAttribute("aria-label", `Share of the read of each slot, by head and source; chosen: head ` +
      `${chosen.head + 1}, slot ${chosen.slot + 1}`);
  }

  function list() {
    readers.replaceChildren(element("h4", {}, `Head ${chosen.head + 1}, slot ${chosen.slot + 1}: who reads it most`));
    sources.forEach((name, source) => {
      const order = captions.map((_, item) => [at(source, item, chosen.head, chosen.slot), item])
        .sort((a, b) => b[0] - a[0]).slice(0, TOP);
      const row = element("div", {}, element("strong", {}, name), element("br"));
      for (const [share, item] of order) {
        const text = `${captions[item]} (${share.toFixed(3)})`;
        row.append(element("figure", {},
          element("img", { src: pictures[item], alt: `input ${item}` }), element("figcaption", {}, text)));
      }
      readers.append(row);
    });
  }

  function choose(h, s) {
    chosen.head = Math.min(heads - 1, Math.max(0, Math.round(h) || 0));
    chosen.slot = Math.min(slots - 1, Math.max(0, Math.round(s) || 0));
    head.value = `${chosen.head + 1}`;
    slot.value = `${chosen.slot + 1}`;
    draw();
    list();
  }

  function search() {
    const wanted = word.value.trim().toLowerCase();
    const holds = captions.flatMap((text, item) => (text.toLowerCase().split(/[^\w']+/).includes(wanted) ? [item] : []));
    if (!wanted || !holds.length || holds.length === items) {
      found.textContent = !wanted ? "" : holds.length ? `All inputs hold "${wanted}".` : `No input holds "${wanted}".`;
      return;
    }
    const lifts = [];
    for (let h = 0; h < heads; h++)
      for (let s = 0; s < slots; s++) {
        let inside = 0, all = 0;
        sources.forEach((_, source) => {
          all += average(source, h, s) / sources.length;
          for (const item of holds) inside += at(source, item, h, s) / holds.length / sources.length;
        });
        lifts.push([inside - all, inside / Math.max(all, 1e-9), h, s]);
      }
    lifts.sort((a, b) => b[0] - a[0]);
    found.replaceChildren(`Slots that ${holds.length} inputs with "${wanted}" read more than all do: `);
    for (const [, times, h, s] of lifts.slice(0, FOUND))
      found.append(element("button", { type: "button", onclick: () => choose(h, s) },
        `head ${h + 1}, slot ${s + 1}: ${times.toFixed(1)} times`));
  }

  input.addEventListener("change", () => { chosen.item = input.value; draw(); });
  for (const box of [head, slot])
    box.addEventListener("change", () => choose(Number(head.value) - 1, Number(slot.value) - 1));
  word.addEventListener("input", search);
  canvas.addEventListener("click", event => {
    const place = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - place.top) / place.height * rows);
    choose(parts(Math.min(rows - 1, row))[0], Math.floor((event.clientX - place.left) / place.width * slots));
  });
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  canvas.addEventListener("keydown", event => {
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
    choose(chosen.head + moves[event.key][0], chosen.slot + moves[event.key][1]);
  });

  const form = element("form", { onsubmit: event => event.preventDefault() },
    element("label", {}, "Input ", input), element("label", {}, "Head ", head), element("label", {}, "Slot ", slot),
    element("label", {}, "Find a word's slots ", word));
  const map = element("div", { class: "map" }, names, canvas);
  const sheet = element("style");
  sheet.textContent = CSS;
  el.append(sheet, element("div", { class: "memory-explorer" }, form, map, scale, found, readers));
  const best = mean.slice(0, heads * slots).reduce((top, value, i, all) => (value > all[top] ? i : top), 0);
  choose(Math.floor(best / slots), best % slots);
}

export default { render };
