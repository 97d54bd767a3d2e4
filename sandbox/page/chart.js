/* The chart of one patient: banner, body, problems, medicines, results, vital signs. Rows carry their reference. */

import { byId, drawing, element, show } from "./dom.js";
import { outline } from "./outline.js";
import * as reading from "./reading.js";

const PLATELETS = new Set(["777-3", "26515-7", "778-1", "49497-1"]);

/** Shows the chart. `changed` holds the references of entries that What if has made or altered. */
export function showChart(chart, changed = new Set()) {
  showBanner(chart);
  const rows = (list) => list.map((row) => ({ ...row, isChanged: changed.has(row.reference) }));
  show(byId("chart"),
    element("div", { class: "stack" },
      part("Where", outline(chart) ?? element("p", { class: "empty" }, "No skin finding with a body site"))),
    element("div", { class: "stack" },
      part("Problems", listing(rows(reading.problems(chart)), "None recorded")),
      part("Examination", measures(rows(reading.observations(chart, "exam")))),
      part("Medicines", listing(rows(reading.medicines(chart)), "None recorded")),
      part("Visits and procedures", listing(rows(reading.events(chart)), ""))),
    element("div", { class: "stack" },
      part("Results", measures(rows(reading.observations(chart, "result")), "None recorded")),
      part("Vital signs", measures(rows(reading.observations(chart, "vital")), "None recorded"))),
    element("p", { class: "legend" }, element("mark", {}, "Marked"), " entries are what the criteria that are met rest on."));
}

/** Marks the entries that met criteria rest on. */
export function markCounting(references) {
  for (const row of byId("chart").querySelectorAll("tr[data-entries]")) {
    row.toggleAttribute("data-counts", entriesOf(row).some((reference) => references.has(reference)));
  }
}

/** Points at the rows of these entries and brings the first into view; says how many there are. */
export function pointAt(references) {
  const found = [];
  for (const row of byId("chart").querySelectorAll("tr[data-entries]")) {
    const isMeant = entriesOf(row).some((reference) => references.includes(reference));
    row.classList.toggle("pointed", isMeant);
    if (isMeant) found.push(row);
  }
  found[0]?.scrollIntoView({ block: "center", behavior: "smooth" });
  return found.length;
}

const entriesOf = (row) => row.dataset.entries.split(" ");

function showBanner(chart) {
  const person = reading.personOf(chart.find((one) => one.resourceType === "Patient"));
  byId("patient-name").textContent = person.name;
  byId("patient-facts").textContent = `${person.age} · ${person.sex}`;
  show(byId("patient-flags"), reading.flags(chart).map((flag) => element("span", { class: "badge critical" }, flag)));
}

function part(title, content) {
  return content && element("section", {}, element("h2", {}, title), content);
}

function listing(rows, ifEmpty) {
  if (!rows.length) return ifEmpty && element("p", { class: "empty" }, ifEmpty);
  return element("table", {}, element("tbody", {}, rows.map((row) => entry(row, named(row), when(row)))));
}

function measures(rows, ifEmpty = "") {
  if (!rows.length) return ifEmpty && element("p", { class: "empty" }, ifEmpty);
  return element("table", { class: "measures" }, element("tbody", {}, rows.map((row) => entry(row, named(row, trend(row)), value(row), when(row)))));
}

function entry(row, ...cells) {
  const classes = row.isChanged ? "changed" : "";
  return element("tr", { class: classes, "data-entries": [row.reference, ...(row.older ?? [])].join(" ") }, cells);
}

function named(row, below = null) {
  const what = element("span", { class: row.isOff ? "what off" : "what", title: row.full }, row.what);
  return element("td", {}, what, below, row.sub && element("div", { class: "sub" }, row.sub));
}

function value(row) {
  const flag = row.flag && element("abbr", { title: FLAGS[row.flag] ?? row.flag }, ` ${row.flag}`);
  return element("td", { class: `number${row.flag ? " low" : ""}` }, row.value, flag, " ",
    element("span", { class: "unit" }, row.unit));
}

const FLAGS = { L: "low", LL: "critically low", H: "high", HH: "critically high", A: "abnormal" };
const when = (row) => element("td", { class: "when" }, row.when);

/** A line of the platelet counts, oldest left, over the laboratory's own range. */
function trend(row) {
  if (!PLATELETS.has(row.code) || row.series.length < 2) return null;
  const [width, height] = [104, 26];
  const top = Math.max(...row.series.map((point) => point.value), row.normal.low ?? 0) * 1.08;
  const start = row.series[0].at;
  const span = row.series.at(-1).at - start || 1;
  const points = row.series.map(({ value, at }) => [((at - start) / span) * (width - 6) + 3, height - (value / top) * height]);
  const low = row.normal.low === undefined ? null : height - (row.normal.low / top) * height;
  const [x, y] = points.at(-1);
  const label = `Trend: ${row.series.map((point) => point.value).join(", ")}`;
  return drawing("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    low && drawing("rect", { class: "normal", x: 0, y: 0, width, height: low.toFixed(1) }),
    drawing("polyline", { points: points.map((point) => point.map((n) => n.toFixed(1)).join(",")).join(" ") }),
    drawing("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.6 }));
}
