"use strict";

// Everything below works on one list that Python wrote into the page. Text of the list reaches the
// page as text nodes only, and as a link only if it begins with https://.

const entries = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

/** Make an element: make("a", {href: "#"}, "text", child). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// ---------------------------------------------------------------------------------------- words

const dash = "–";
const noNumber = (value) => value === null || value === undefined;

function decimals(value, digits) {
  return noNumber(value) ? "" : value.toFixed(digits);
}

function count(value) {
  if (noNumber(value)) return "";
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : String(value);
}

const short = (value) => (noNumber(value) ? "" : String(Number(value.toFixed(3))));
const result = (metric) => metric.value.toFixed(Math.abs(metric.value) < 1 ? 3 : 2);
const merit = (metric) => (metric.less_is_better ? -metric.value : metric.value);

/** The words of a text, lower-case; a number inside a word counts as a word: resnet50, 50. */
function words(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function searchable(entry) {
  const texts = [
    entry.weights, entry.distribution, entry.task, entry.license,
    ...entry.datasets, ...entry.known_as, ...entry.metrics.map((metric) => metric.dataset),
  ];
  const whole = texts.flatMap(words);
  const numbers = whole.flatMap((word) => word.match(/\d+\w*$/) ?? []);
  return "\n" + [...new Set([...whole, ...numbers])].join("\n");
}

// ---------------------------------------------------------------------------------------- facets

const permissive = new Set([
  "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "Unlicense",
]);
const upTo = (limits, unit, value) =>
  limits.map((limit) => ({
    value: String(limit),
    text: `≤ ${unit(limit)}`,
    test: (entry) => !noNumber(value(entry)) && value(entry) <= limit,
  }));

/** The values that entries have, the most common first, each with how many have it. */
function values(read) {
  const counts = new Map();
  for (const entry of entries) {
    for (const value of new Set(read(entry))) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .filter(([value]) => value)
    .sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1))
    .map(([value, number]) => ({
      value,
      text: `${value} (${number})`,
      test: (entry) => read(entry).includes(value),
    }));
}

const facets = [
  { id: "task", label: "Task", options: values((entry) => [entry.task]) },
  {
    id: "dataset",
    label: "Dataset",
    options: values((entry) => [...entry.datasets, ...entry.metrics.map((each) => each.dataset)]),
  },
  {
    id: "license",
    label: "License",
    options: [
      { value: "permissive", text: "permissive", test: (entry) => permissive.has(entry.license) },
      { value: "stated", text: "any that is stated", test: (entry) => entry.license !== "unknown" },
      ...values((entry) => [entry.license]),
    ],
  },
  {
    id: "params",
    label: "Parameters",
    options: upTo([1e6, 5e6, 1e7, 3e7, 1e8, 1e9], (limit) => `${limit / 1e6} M`, (e) => e.params),
  },
  {
    id: "size",
    label: "File",
    options: upTo([10, 50, 100, 500, 1024], (limit) => `${limit} MiB`, (e) => e.mib),
  },
  {
    id: "hash",
    label: "Published hash",
    options: [
      { value: "full", text: "in full", test: (entry) => entry.hash === "full" },
      { value: "some", text: "some digits", test: (entry) => /digits/.test(entry.hash) },
      { value: "none", text: "none", test: (entry) => entry.hash === "none" },
    ],
  },
  { id: "distribution", label: "Distribution", options: values((entry) => [entry.distribution]) },
];

// ---------------------------------------------------------------------------------------- columns

const columns = [
  { id: "weights", label: "Weights", width: "auto", value: (entry) => entry.weights, cell: nameCell },
  { id: "task", label: "Task", width: "14%", value: (entry) => entry.task },
  { id: "value", label: "Value", width: "76px", number: true, descending: true },
  { id: "on", label: "Metric", width: "15%" },
  { id: "params", label: "Params", width: "84px", number: true, value: (e) => e.params, text: count },
  { id: "gflops", label: "GFLOPs", width: "80px", number: true, value: (e) => e.gflops,
    text: (value) => decimals(value, 1) },
  { id: "mib", label: "MiB", width: "76px", number: true, value: (e) => e.mib,
    text: (value) => decimals(value, 1) },
  { id: "license", label: "License", width: "110px", value: (entry) => entry.license },
  { id: "hash", label: "Hash", width: "84px", value: (entry) => entry.hash },
  { id: "distribution", label: "Distribution", width: "112px", value: (e) => e.distribution },
];

function nameCell(entry) {
  const [model, member] = entry.weights.split(/:(?=[^:]*$)/);
  const link = make("a", { href: `#weights=${encodeURIComponent(entry.weights)}` }, model,
    make("span", { class: "member" }, `:${member}`));
  return [make("div", { class: "name" }, link, ...tags(entry)), make("div", { class: "below" }, entry.task)];
}

function tags(entry) {
  const { state } = entry.status;
  if (state !== "active") return [make("span", { class: `tag ${state}` }, state)];
  return entry.latest ? [] : [make("span", { class: "tag", title: "something newer exists for this dataset" }, "older")];
}

// ---------------------------------------------------------------------------------------- state

const state = { q: "", latest: false, sort: "weights", descending: false, metric: "", axis: "params" };
for (const facet of facets) state[facet.id] = "";

const named = new Map(); // entries by name
const common = new Map(); // how many entries have a metric, by its key
entries.sort((one, other) => (one.weights < other.weights ? -1 : 1)); // sorting keeps it in ties
const prepared = entries.map((entry) => {
  named.set(entry.weights, entry);
  for (const metric of entry.metrics) {
    metric.key = `${metric.name} · ${metric.dataset}`;
    common.set(metric.key, (common.get(metric.key) ?? 0) + 1);
  }
  return { entry, text: searchable(entry) };
});

/** The metric that a row shows: the one that is compared, or else the first that it has. */
function metricOf(entry) {
  const asked = entry.metrics.find((metric) => metric.key === state.metric);
  return asked ?? (state.metric ? null : entry.metrics[0]) ?? null;
}

function matching() {
  const wanted = words(state.q).map((word) => `\n${word}`);
  const tests = facets
    .map((facet) => facet.options.find((option) => option.value === state[facet.id])?.test)
    .filter(Boolean);
  if (state.latest) tests.push((entry) => entry.latest);
  return prepared
    .filter(({ entry, text }) =>
      wanted.every((word) => text.includes(word)) && tests.every((test) => test(entry)))
    .map(({ entry }) => entry);
}

/** Sort by a column, what is not known last. Metrics are only compared on the same dataset. */
function sorted(found) {
  const column = columns.find((each) => each.id === state.sort);
  const sign = state.descending ? -1 : 1;
  const keyed = found.map((entry) => {
    const metric = metricOf(entry);
    const group = column.id === "value" && metric ? metric.key : "";
    const value = column.id === "value" ? (metric ? merit(metric) : null)
      : column.id === "on" ? (metric ? metric.key : null)
      : column.value(entry);
    return { entry, group, rank: -(common.get(group) ?? 0), value: value === "" ? null : value };
  });
  keyed.sort((one, other) => {
    if (noNumber(one.value) || noNumber(other.value)) {
      return noNumber(one.value) - noNumber(other.value);
    }
    if (one.group !== other.group) return one.rank - other.rank || (one.group < other.group ? -1 : 1);
    if (one.value === other.value) return 0;
    return one.value < other.value ? -sign : sign;
  });
  return keyed.map((each) => each.entry);
}

// ---------------------------------------------------------------------------------------- the table

const chunk = 60; // rows that are drawn at once; more follow as one scrolls
let shown = [];
let drawn = 0;

function row(entry) {
  const metric = metricOf(entry);
  const texts = { value: metric ? result(metric) : "", on: metric ? metric.key : "" };
  const cells = columns.map((column) => {
    const write = column.text ?? String;
    const text = texts[column.id] ?? write(column.value(entry));
    const children = column.cell ? column.cell(entry) : [text];
    const quiet = text === "unknown" || text === "none" || column.id === "on" ? " quiet" : "";
    return make(column.cell ? "th" : "td", {
      class: `c-${column.id}${column.number ? " number" : ""}${quiet}`,
      scope: column.cell ? "row" : null,
      title: !column.number && !column.cell ? text : null,
    }, ...children);
  });
  return make("tr", { "data-weights": entry.weights }, ...cells);
}

function drawMore() {
  const rows = document.createDocumentFragment();
  for (const entry of shown.slice(drawn, drawn + chunk)) rows.append(row(entry));
  drawn = Math.min(drawn + chunk, shown.length);
  $("rows").append(rows);
  $("rest").hidden = drawn === shown.length;
}

function drawTable(found) {
  shown = found;
  drawn = 0;
  $("rows").replaceChildren();
  drawMore();
  $("empty").hidden = found.length > 0;
  $("table").hidden = found.length === 0;
  $("table").setAttribute("aria-rowcount", found.length + 1);
  for (const heading of $("head").children) {
    const isSorted = heading.dataset.column === state.sort;
    if (isSorted) heading.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    else heading.removeAttribute("aria-sort");
  }
}

function sortBy(id) {
  const column = columns.find((each) => each.id === id);
  state.descending = state.sort === id ? !state.descending : Boolean(column.descending);
  state.sort = id;
  drawTable(sorted(shown)); // the filters, and with them the plot, stay as they are
  writeAddress();
}

// ---------------------------------------------------------------------------------------- the plot

const axes = [
  { id: "params", label: "parameters", value: (entry) => entry.params, text: count },
  { id: "gflops", label: "GFLOPs", value: (entry) => entry.gflops, text: short },
  { id: "mib", label: "MiB", value: (entry) => entry.mib, text: short },
];
let points = [];
let size = { width: 0, height: 0 }; // of the plot; asking for it at each key would cost a layout

/** The metric to compare: the chosen one, or the one that most of what was found has. */
function compared(found) {
  if (state.metric) return state.metric;
  const counts = new Map();
  for (const entry of found) {
    const metric = entry.metrics[0];
    if (metric) counts.set(metric.key, (counts.get(metric.key) ?? 0) + 1);
  }
  return [...counts].sort((one, other) => other[1] - one[1])[0]?.[0] ?? "";
}

/** What no other is better than at the same cost or less; the cheapest first. */
function paretoFront(all) {
  const byCost = [...all].sort((one, other) => one.cost - other.cost || other.merit - one.merit);
  let best = -Infinity;
  return byCost.filter((point) => point.merit > best && ((best = point.merit), true));
}

function scale(values, from, to, logarithmic) {
  const turn = logarithmic ? Math.log10 : (value) => value;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, turn(value));
    high = Math.max(high, turn(value));
  }
  const room = (high - low) * 0.06 || 0.5;
  [low, high] = [low - room, high + room];
  const place = (value) => from + ((turn(value) - low) / (high - low)) * (to - from);
  return { place, ticks: logarithmic ? decades(low, high) : steps(low, high) };
}

function steps(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

function decades(low, high) {
  const fine = high - low < 0.9 ? [1, 1.5, 2, 3, 4, 5, 7] : high - low < 2.2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const each of fine) ticks.push(each * 10 ** power);
  }
  return ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
}

function measure() {
  size = { width: $("svg").clientWidth, height: $("svg").clientHeight };
}

function drawPlot(found) {
  const key = compared(found);
  const axis = axes.find((each) => each.id === state.axis);
  const { width, height } = size;
  $("svg").setAttribute("viewBox", `0 0 ${width} ${height}`);
  points = [];
  for (const entry of found) {
    const metric = entry.metrics.find((each) => each.key === key);
    const cost = axis.value(entry);
    if (metric && cost > 0) points.push({ entry, cost, metric, merit: merit(metric) });
  }
  $("metric").firstElementChild.textContent = state.metric || !key ? "most common" : `most common: ${key}`;
  $("svg").replaceChildren();
  $("tip").hidden = true;
  if (points.length === 0) {
    $("plot-note").textContent = key
      ? `None of these weights state ${axis.label} and ${key}.`
      : "None of these weights has a published metric.";
    return;
  }
  const x = scale(points.map((point) => point.cost), 44, width - 16, true);
  const y = scale(points.map((point) => point.metric.value), height - 34, 10, false);
  for (const point of points) {
    point.x = x.place(point.cost);
    point.y = y.place(point.metric.value);
  }
  const front = paretoFront(points);
  $("svg").append(
    ...y.ticks.flatMap((tick) => [
      draw("line", { class: "grid", x1: 44, x2: width, y1: y.place(tick), y2: y.place(tick) }),
      draw("text", { x: 36, y: y.place(tick) + 4, "text-anchor": "end" }, short(tick)),
    ]),
    ...x.ticks.map((tick) =>
      draw("text", { x: x.place(tick), y: height - 16, "text-anchor": "middle" },
        axis.text(tick).replace(/\.0+(?= |$)/, ""))),
    draw("text", { x: width, y: height - 2, "text-anchor": "end" }, `${axis.label}, logarithmic`),
    draw("path", { class: "others", d: points.map((each) => `M${each.x.toFixed(1)} ${each.y.toFixed(1)}h0`).join("") }),
    draw("path", { class: "front", d: front.map((each, n) => `${n ? "H" : "M"}${each.x}${n ? "V" : " "}${each.y}`).join("") }),
    ...frontLinks(front, width),
    draw("g", { id: "near" }),
  );
  const better = points[0].metric.less_is_better ? "lower" : "higher";
  $("plot-note").textContent =
    `${points.length} of ${found.length} weights state both; ${better} is better. The line leads ` +
    `through the ${front.length} that no other beats at the same cost or less.`;
}

/** The points of the front, as links; names only where they do not overlap. */
function frontLinks(front, width) {
  let free = width + 1;
  return [...front].reverse().map((point) => {
    const label = point.entry.model.replace(/^.*\//, "");
    const end = point.x - 8;
    const start = end - label.length * 6.4;
    const hasRoom = start > 46 && end < free && point.x < width;
    if (hasRoom) free = start - 6;
    return pointLink(point, hasRoom ? draw("text", { x: end, y: point.y - 7, "text-anchor": "end" }, label) : null);
  }).reverse();
}

function pointLink(point, label = null, attributes = {}) {
  return draw("a", {
    href: `#weights=${encodeURIComponent(point.entry.weights)}`,
    "aria-label": describe(point),
    "data-weights": point.entry.weights,
    ...attributes,
  }, draw("circle", { cx: point.x, cy: point.y, r: 5 }), label);
}

function describe(point) {
  const axis = axes.find((each) => each.id === state.axis);
  return `${point.entry.weights}: ${short(point.metric.value)} at ${axis.text(point.cost)} ${axis.id === "params" ? "parameters" : axis.label}`;
}

function pointAt(event) {
  const box = $("svg").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  let [nearest, distance] = [null, 14 ** 2];
  for (const point of points) {
    const far = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (far < distance) [nearest, distance] = [point, far];
  }
  return nearest;
}

/** Mark a point, with a link on it and its facts beside it. */
function mark(point) {
  const near = $("near");
  if (!near || near.dataset.weights === (point?.entry.weights ?? "")) return;
  near.dataset.weights = point?.entry.weights ?? "";
  near.replaceChildren(...(point ? [pointLink(point, null, { tabindex: -1 })] : []));
  showTip(point);
}

function showTip(point) {
  const tip = $("tip");
  tip.hidden = !point;
  if (!point) return;
  tip.textContent = describe(point);
  const left = Math.min(Math.max(0, point.x - tip.offsetWidth / 2), size.width - tip.offsetWidth);
  const top = point.y < 46 ? point.y + 14 : point.y - tip.offsetHeight - 12;
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

// ---------------------------------------------------------------------------------------- the panel

const isLink = (text) => /^https:\/\/[^\s]+$/.test(text) && !text.includes("***");

/** A text, in which what is an https address is a link. */
function linked(text) {
  return text.split(/(https:\/\/[^\s<>"]*[^\s<>"),.;:])/).map((part) =>
    isLink(part) ? make("a", { href: part, rel: "noreferrer", target: "_blank" }, part) : part);
}

function openPanel(entry) {
  const parts = [
    make("div", { class: "title" },
      make("h2", { id: "panel-title", tabindex: -1, autofocus: "" }, entry.weights, ...tags(entry)),
      make("button", { type: "button", "data-close": "" }, "Close")),
    make("p", { class: "quiet" }, [entry.task, entry.distribution].filter(Boolean).join(" · ")),
    statusOf(entry),
    factsOf(entry),
    make("h3", {}, "Use"),
    code("in Python, by name",
      `import dapi\n\nmodel = dapi.get_model("${entry.weights}").eval()\n` +
      `preprocess = dapi.weights_of(model).transforms()`),
    code("in Python, with names that an editor completes", enumCode(entry)),
    code("in a shell", shellCode(entry)),
    ...section("Metrics", metricTable(entry)),
    ...section("Input and output", list({
      transforms: entry.transforms, postprocess: entry.postprocess, ...categories(entry),
    })),
    ...section("Files", fileTable(entry)),
    ...section("Where it comes from", list({
      "trained on": entry.datasets.join(", "), ...spaced(entry.more), "known as": entry.known_as.join(", "),
    })),
    ...section("What building sets", list({ ...entry.config, ...prefixed("context of ", entry.context) })),
    ...section("Versions", versions(entry)),
  ];
  $("panel").replaceChildren(make("div", { class: "panel" }, ...parts.filter(Boolean)));
  if (!$("panel").open) $("panel").showModal();
  $("panel").scrollTop = 0;
}

function section(title, content) {
  return content ? [make("h3", {}, title), content] : [];
}

/** Keys of metadata as words. */
function spaced(facts) {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key.replaceAll("_", " "), value]));
}

function prefixed(prefix, facts) {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [prefix + key, value]));
}

function statusOf(entry) {
  const { state: status, replacement, reason } = entry.status;
  const said = [];
  if (status !== "active") said.push(`These weights are ${status}. ${reason}`.trim(), " ");
  if (replacement) said.push("Use instead: ", reference(replacement), ".");
  else if (entry.replaced_by) said.push("The model has a newer version: ", make("code", {}, entry.replaced_by), ".");
  return said.length ? make("p", { class: "alert" }, ...said) : null;
}

function reference(name) {
  const known = named.has(name);
  return known ? make("a", { href: `#weights=${encodeURIComponent(name)}`, "data-weights": name }, name) : name;
}

function factsOf(entry) {
  const facts = [
    ["parameters", count(entry.params)],
    ["GFLOPs", short(entry.gflops)],
    ["MiB", decimals(entry.mib, 1)],
    ["license", entry.license],
    ["published hash", entry.hash],
  ];
  return make("div", { class: "facts" }, ...facts.map(([name, value]) =>
    make("div", {}, make("b", {}, value || dash), make("span", {}, name))));
}

function enumCode(entry) {
  const { home, name, member } = entry.enum;
  const own = entry.builder;
  if (!own) return `import dapi\nfrom ${home} import ${name}\n\nmodel = dapi.get_model(${name}.${member})`;
  return `from ${home} import ${name}, ${own}\n\nmodel = ${own}(weights=${name}.${member})`;
}

function shellCode(entry) {
  const predict = entry.runs ? `\ndapi predict ${entry.weights} INPUT...` : "";
  return `dapi fetch ${entry.weights}${predict}`;
}

function code(label, text) {
  return make("div", { class: "code" },
    make("pre", { tabindex: 0, role: "group", "aria-label": `Code ${label}` }, make("code", {}, text)),
    make("button", { type: "button", "data-copy": "", "aria-label": `Copy the code ${label}` }, "Copy"));
}

function metricTable(entry) {
  if (!entry.metrics.length) return null;
  const rows = entry.metrics.map((metric) =>
    make("tr", {}, make("td", {}, metric.dataset), make("td", {}, metric.name),
      make("td", { class: "number" }, short(metric.value)), make("td", {}, sourceOf(metric.source))));
  return table(["Dataset", "Metric", "Value", "Source"], rows, 2);
}

function sourceOf(source) {
  return isLink(source)
    ? make("a", { href: source, rel: "noreferrer", target: "_blank" }, new URL(source).hostname)
    : source;
}

function table(headings, rows, number) {
  const head = headings.map((text, n) => make("th", { scope: "col", class: n === number ? "number" : null }, text));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

function categories(entry) {
  if (!entry.categories) return {};
  const { count: all, first } = entry.categories;
  return { categories: `${all}: ${first.join(", ")}${all > first.length ? ", …" : ""}` };
}

function fileTable(entry) {
  const facts = {};
  entry.files.forEach((file, n) => {
    const which = entry.files.length > 1 ? ` ${n + 1}` : "";
    facts[`file${which}`] = file.url;
    facts[`sha256${which}`] = file.sha256 ?? "not published: trusted on first use";
    facts[`bytes${which}`] = noNumber(file.bytes) ? "" : file.bytes.toLocaleString("en");
    facts[`mirrors${which}`] = file.mirrors.join(", ");
  });
  return list({ ...facts, ...prefixed("asset: ", entry.assets) });
}

/** A list of terms; what is empty is left out. */
function list(facts) {
  const known = Object.entries(facts).filter(([, value]) => value);
  if (!known.length) return null;
  return make("dl", {}, ...known.flatMap(([key, value]) =>
    [make("dt", {}, key), make("dd", {}, ...linked(String(value)))]));
}

function versions(entry) {
  const others = entries.filter((each) => each.distribution === entry.distribution && (
    each.model === entry.model || each.model === entry.replaced_by || each.replaced_by === entry.model));
  if (others.length < 2) return null;
  const rows = others.map((each) => {
    const metric = each.metrics[0];
    const name = each === entry ? make("b", {}, each.weights) : reference(each.weights);
    return make("tr", {}, make("td", {}, name, ...tags(each)),
      make("td", { class: "number" }, metric ? short(metric.value) : ""),
      make("td", { class: "quiet" }, metric ? metric.key : ""));
  });
  return table(["Weights", "Value", "Metric"], rows, 1);
}

async function copy(button) {
  const text = button.parentElement.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(button.parentElement.querySelector("code"));
  }
  button.textContent = "Copied";
  $("announcer").textContent = "Copied.";
  setTimeout(() => {
    button.textContent = "Copy";
    $("announcer").textContent = "";
  }, 1500);
}

/** Where a browser gives a page from a file no clipboard. */
function copyBySelection(element) {
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

// ---------------------------------------------------------------------------------------- the address

const initial = { ...state };
const stored = Object.keys(initial);
let writing = 0;

function address(weights) {
  const query = new URLSearchParams();
  for (const key of stored) if (state[key] !== initial[key]) query.set(key, state[key]);
  if (weights) query.set("weights", weights);
  return `#${query}`;
}

/** Keep the address in step, so that it can be shared; not at each key: browsers slow that down. */
function writeAddress() {
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", address(opened())), 250);
}

const opened = () => ($("panel").open ? $("panel").dataset.weights : "");

function readAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  const found = named.get(query.get("weights"));
  const before = JSON.stringify(state);
  if (!found || query.size > 1) {
    for (const key of stored) {
      const text = query.get(key);
      state[key] = text === null ? initial[key] : typeof initial[key] === "boolean" ? text === "true" : text;
    }
    if (!columns.some((column) => column.id === state.sort)) state.sort = initial.sort;
    if (!axes.some((axis) => axis.id === state.axis)) state.axis = initial.axis;
    if (!common.has(state.metric)) state.metric = "";
    writeControls();
  }
  if (JSON.stringify(state) !== before || !document.body.dataset.ready) update();
  if (found) show(found.weights);
  else if ($("panel").open) $("panel").close();
}

function show(name, push = false) {
  const entry = named.get(name);
  if (!entry) return;
  if (push) history.pushState(null, "", address(name));
  $("panel").dataset.weights = name;
  openPanel(entry);
}

// ---------------------------------------------------------------------------------------- controls

function writeControls() {
  $("q").value = state.q;
  $("latest").checked = state.latest;
  $("metric").value = state.metric;
  $("axis").value = state.axis;
  for (const facet of facets) {
    const select = $(`f-${facet.id}`);
    select.value = state[facet.id];
    if (select.selectedIndex < 0) select.value = state[facet.id] = "";
  }
}

function drawChips() {
  const chips = facets
    .filter((facet) => state[facet.id])
    .map((facet) => {
      const text = $(`f-${facet.id}`).selectedOptions[0].textContent.replace(/ \(\d+\)$/, "");
      return chip(`${facet.label}: ${text}`, facet.id);
    });
  if (state.q) chips.unshift(chip(`“${state.q}”`, "q"));
  if (state.latest) chips.push(chip("Latest only", "latest"));
  if (chips.length > 1) {
    chips.push(make("li", {}, make("button", { type: "button", class: "clear", "data-clear": "" }, "Clear all")));
  }
  $("chips").replaceChildren(...chips);
  for (const facet of facets) {
    $(`f-${facet.id}`).parentElement.classList.toggle("set", Boolean(state[facet.id]));
  }
}

function chip(text, key) {
  return make("li", {}, make("button", { type: "button", "data-remove": key, "aria-label": `Remove the filter ${text}` }, `${text} ×`));
}

function clear(keys) {
  for (const key of keys) state[key] = initial[key];
  writeControls();
  update();
  $("q").focus();
}

function update() {
  performance.mark("update");
  const found = matching();
  $("count").textContent = `${found.length} of ${entries.length}`;
  drawChips();
  drawTable(sorted(found));
  drawPlot(found);
  writeAddress();
  performance.measure("update", "update");
}

function addControls() {
  $("columns").append(...columns.map((column) => {
    const col = make("col", { class: `c-${column.id}` });
    col.style.width = column.width;
    return col;
  }));
  $("head").append(...columns.map((column) =>
    make("th", { scope: "col", "data-column": column.id, class: `c-${column.id}${column.number ? " number" : ""}` },
      make("button", { type: "button" }, column.label))));
  $("selects").append(...facets.map((facet) =>
    make("div", { class: "field" }, make("label", { for: `f-${facet.id}` }, facet.label),
      make("select", { id: `f-${facet.id}` }, make("option", { value: "" }, "any"),
        ...facet.options.map(({ value, text }) => make("option", { value }, text))))));
  const metrics = [...common].sort((one, other) => other[1] - one[1]);
  $("metric").append(make("option", { value: "" }, "most common"),
    ...metrics.map(([key, number]) => make("option", { value: key }, `${key} (${number})`)));
  $("axis").append(...axes.map(({ id, label }) => make("option", { value: id }, label)));
}

function listen() {
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("q").addEventListener("input", () => { state.q = $("q").value.trim(); update(); });
  $("latest").addEventListener("change", () => { state.latest = $("latest").checked; update(); });
  for (const id of ["metric", "axis"]) {
    $(id).addEventListener("change", () => { state[id] = $(id).value; update(); });
  }
  for (const facet of facets) {
    $(`f-${facet.id}`).addEventListener("change", (event) => { state[facet.id] = event.target.value; update(); });
  }
  $("toggle").addEventListener("click", () => {
    $("toggle").setAttribute("aria-expanded", $("selects").classList.toggle("open"));
  });
  $("more").addEventListener("click", drawMore);
  new IntersectionObserver(([seen]) => seen.isIntersecting && drawn < shown.length && drawMore(), { rootMargin: "600px" }).observe($("rest"));
  new ResizeObserver(() => { measure(); drawPlot(shown); }).observe($("svg"));

  document.addEventListener("click", (event) => {
    const target = event.target;
    const on = (selector) => target.closest(selector);
    if (on("#head button")) sortBy(on("th").dataset.column);
    else if (on("[data-remove]")) clear([on("[data-remove]").dataset.remove]);
    else if (on("[data-clear]")) clear(["q", "latest", ...facets.map((facet) => facet.id)]);
    else if (on("[data-close]") || target === $("panel")) $("panel").close();
    else if (on("[data-copy]")) copy(on("[data-copy]"));
    else if (on("[data-weights]:not(dialog)") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      show(on("[data-weights]").dataset.weights, true);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !$("panel").open && !/^(INPUT|SELECT)$/.test(event.target.tagName)) {
      event.preventDefault();
      $("q").focus();
    }
  });
  $("panel").addEventListener("close", () => history.replaceState(null, "", address("")));
  addEventListener("popstate", readAddress);

  $("svg").addEventListener("pointermove", (event) => mark(pointAt(event)));
  $("svg").addEventListener("pointerleave", () => mark(null));
  const pointOf = (event) => {
    const name = event.target.closest?.("[data-weights]")?.dataset.weights;
    return points.find((point) => point.entry.weights === name) ?? null;
  };
  $("svg").addEventListener("focusin", (event) => showTip(pointOf(event)));
  $("svg").addEventListener("focusout", () => showTip(null));
  $("rows").addEventListener("pointerover", (event) => mark(pointOf(event)));
  $("rows").addEventListener("pointerleave", () => mark(null));
}

const models = new Set(entries.map((entry) => `${entry.distribution}/${entry.model}`)).size;
const distributions = new Set(entries.map((entry) => entry.distribution)).size;
$("total").textContent = `${entries.length} sets of weights · ${models} models · ${distributions} distributions`;
addControls();
measure();
readAddress();
listen();
document.body.dataset.ready = "yes";
