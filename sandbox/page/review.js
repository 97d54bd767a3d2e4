/* Review: every patient through the service, one table, compared with the last run here and with the golden cards. */

import { element, say, show } from "./dom.js";
import { prefetchFor, requestFor } from "./request.js";
import * as server from "./server.js";
import { TIER_WORDS, tierOf } from "./why.js";

const MEMORY = "pinpoint.review";
const AT_ONCE = 4;
const HOOK = "patient-view";

/** The review of these stories. `onOpen(id)` opens a patient. */
export function showReview(target, { stories, services, onOpen }) {
  const bar = element("progress", { max: String(stories.length), value: "0", "aria-label": "Patients reviewed" });
  const sums = element("p", { class: "review-sums", role: "status" });
  const body = element("tbody");
  const csv = element("button", { type: "button", disabled: true }, "Export CSV");
  const run = element("button", { type: "button", class: "main", id: "run-review", onclick: () => start() }, "Run all patients");
  let rows = [];
  csv.addEventListener("click", () => save(rows));
  show(target,
    element("div", { class: "review-head" }, element("h1", {}, "Review all patients"), run, csv, bar, sums),
    element("div", { class: "box scroll", tabindex: "0", role: "region", "aria-label": "Review table" },
      element("table", { class: "review", id: "review-table" }, head(), body)));

  async function start() {
    run.disabled = true;
    const before = remembered();
    const started = performance.now();
    rows = await reviewed(stories, services.get(HOOK), before, (done) => { bar.value = done; });
    show(body, rows.map((row) => rowElement(row, onOpen)));
    localStorage.setItem(MEMORY, JSON.stringify(Object.fromEntries(rows.map((row) => [row.story.id, row.cards]))));
    show(sums, summary(rows, performance.now() - started));
    say(sums.textContent);
    csv.disabled = run.disabled = false;
  }
}

/**
 * One row for each story, in their order. The calls go out one by one, so that their times tell of nothing else;
 * the traces, of which only the tier is wanted, come together afterwards.
 */
async function reviewed(stories, service, before, onDone) {
  const called = [];
  for (const story of stories) {
    called.push(await callOf(story, service));
    onDone(called.length * CALLS_SHARE);
  }
  let done = called.length * CALLS_SHARE;
  return together(called, async (one) => {
    const trace = (await server.explain(one.request)).json;
    onDone((done += 1 - CALLS_SHARE));
    return rowOf(one, trace, before[one.story.id]);
  });
}

const CALLS_SHARE = 0.6;

/** What `work` makes of each item, in their order, some at once. */
async function together(items, work) {
  const made = [];
  const waiting = items.map((item, index) => ({ item, index }));
  async function worker() {
    for (let next = waiting.shift(); next; next = waiting.shift()) made[next.index] = await work(next.item);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return made;
}

async function callOf(story, service) {
  const chart = await server.chart(story.id);
  const request = requestFor({ hook: HOOK, patientId: story.id, chart, prefetch: prefetchFor(service.prefetch, chart) });
  return { story, request, answer: await server.call(service, request) };
}

function rowOf({ story, answer }, trace, before) {
  const cards = answer.ok ? (answer.json?.cards ?? []).map((card) => `${card.indicator}: ${card.summary}`) : [`${answer.status}: refused`];
  return {
    story, cards, ms: answer.ms, tier: trace?.sections ? tierOf(trace) : "",
    isChanged: before === undefined ? null : !same(before, cards),
    isGolden: story.golden === undefined ? null : same(story.golden, cards),
    isAsTold: asTold(story.kind, cards),
  };
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Whether the cards are what the author of the story expects of its kind. */
function asTold(kind, cards) {
  const has = (word) => cards.some((card) => card.startsWith(word));
  const expected = {
    emergency: has("critical"), urgent: has("warning") || has("critical"), benign: !has("critical") && !has("warning"),
    silent: cards.length === 0,
  };
  return expected[kind] ?? cards.length > 0;
}

function head() {
  const titles = ["Patient", "Story", "Tier", "Cards", "ms", "As told", "Since last run", "Golden cards"];
  return element("thead", {}, element("tr", {}, titles.map((title) => element("th", { scope: "col" }, title))));
}

function rowElement(row, onOpen) {
  const verdict = (value, good, bad, none) =>
    element("td", {}, value === null ? element("span", { class: "badge" }, none) : element("span", { class: value ? "badge good" : "badge warning" }, value ? good : bad));
  return element("tr", {},
    element("td", {}, element("a", { href: `#/chart/${row.story.id}`, onclick: () => onOpen(row.story.id) }, row.story.id)),
    element("td", {}, element("span", { class: `badge ${row.story.kind}` }, row.story.kind), element("small", {}, row.story.headline)),
    element("td", {}, row.tier ? element("span", { class: `badge ${row.tier}` }, TIER_WORDS[row.tier]) : "–"),
    element("td", {}, row.cards.length ? element("ul", {}, row.cards.map(cardLine)) : "no card"),
    element("td", { class: "number" }, row.ms.toFixed(1)),
    verdict(row.isAsTold, "as told", "otherwise", "–"),
    verdict(row.isChanged === null ? null : !row.isChanged, "same", "changed", "first run"),
    verdict(row.isGolden, "same", "differs", "none kept"));
}

function cardLine(text) {
  const [indicator, ...summary] = text.split(": ");
  return element("li", {}, element("span", { class: `badge ${indicator}` }, indicator), element("span", {}, summary.join(": ")));
}

function summary(rows, ms) {
  const count = (test) => rows.filter(test).length;
  const changed = count((row) => row.isChanged);
  const differing = count((row) => row.isGolden === false);
  const odd = count((row) => !row.isAsTold);
  return [
    element("span", { class: "badge good" }, `${rows.length} patients in ${(ms / 1000).toFixed(1)} s`), " ",
    element("span", { class: `badge ${odd ? "warning" : "good"}` }, odd ? `${odd} otherwise than told` : "all as told"), " ",
    element("span", { class: `badge ${changed ? "warning" : "good"}` }, changed ? `${changed} changed since last run` : "none changed since last run"), " ",
    element("span", { class: `badge ${differing ? "warning" : "good"}` }, differing ? `${differing} differ from golden` : "none differs from golden"),
  ];
}

function remembered() {
  return server.parsed(localStorage.getItem(MEMORY) ?? "") ?? {};
}

function save(rows) {
  const titles = ["patient", "kind", "story", "tier", "cards", "ms", "as_told", "changed", "golden"];
  const lines = rows.map((row) => [row.story.id, row.story.kind, row.story.headline, row.tier, row.cards.join(" | "),
    row.ms.toFixed(1), row.isAsTold, row.isChanged ?? "", row.isGolden ?? ""]);
  const text = [titles, ...lines].map((line) => line.map(cell).join(",")).join("\r\n");
  const address = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
  element("a", { href: address, download: "pinpoint-review.csv" }).click();
  URL.revokeObjectURL(address);
}

/** A spreadsheet must not take a text for a formula. */
function cell(value) {
  const text = String(value);
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
