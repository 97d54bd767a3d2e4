/* The reasoning about a call: the sections of POST /explain, each line with the entries it can point at. */

import { outward } from "./cards.js";
import { element } from "./dom.js";

const OPEN = ["Criteria met", "Criteria taken back", "Recorded situations", "Would settle most", "Scores", "Gaps", "Not valid"];
const BESIDE = new Set(["Cards"]); // shown as cards already
const FIRST = ["Criteria met", "Criteria taken back", "Recorded situations", "Would settle most", "Undecided, by", "Gaps", "Possible causes", "Scores"];
const SOON = /^(Emergency|Same day|Within 48 hours|Routine): /; // shown as a badge
const TRUTHS = { present: "present", absent: "absent", unknown: "undecided" };

/** The trace as elements; what stands in a line as its sources is shown as links instead. `onPoint(references)` is called when a chart entry is to be shown; without it none can be. */
export function whyElements(trace, onPoint) {
  const sections = trace.sections.filter((section) => !BESIDE.has(section.title));
  const parts = sections.sort((one, other) => place(one) - place(other)).map((section) => partOf(section, onPoint));
  return [...parts, element("p", { class: "note" }, trace.knowledge)];
}

/** The references that met criteria rest on. */
export function countingEntries(trace) {
  const met = trace.sections.find((section) => section.title === "Criteria met")?.lines ?? [];
  return new Set(met.flatMap((line) => line.entries).map((entry) => entry.reference));
}

/** The most urgent tier of a criterion that is met and shown, or "". */
export function tierOf(trace) {
  const met = trace.sections.find((section) => section.title === "Criteria met")?.lines ?? [];
  const tiers = met.filter((line) => !line.text.endsWith("not shown")).map((line) => line.tier);
  return TIERS.find((tier) => tiers.includes(tier)) ?? "";
}

const TIERS = ["EMERGENCY", "SAME_DAY", "WITHIN_48H", "ROUTINE"];
export const TIER_WORDS = { EMERGENCY: "emergency", SAME_DAY: "same day", WITHIN_48H: "48 hours", ROUTINE: "routine" };

function place(section) {
  const index = FIRST.findIndex((title) => section.title.startsWith(title));
  return index < 0 ? FIRST.length : index;
}

function partOf(section, onPoint) {
  const isOpen = section.lines.length > 0 && OPEN.some((title) => section.title.startsWith(title));
  return element("details", { class: "why-part", open: isOpen },
    element("summary", {}, section.title, " ", element("small", {}, section.lines.length ? `(${section.lines.length})` : "none")),
    element("ul", {}, section.lines.map((line) => lineOf(line, onPoint))));
}

function lineOf(line, onPoint) {
  const content = element("div", {},
    element("span", {}, line.tier && [element("span", { class: `badge ${line.tier}` }, TIER_WORDS[line.tier]), " "], text(line)),
    line.below.filter((below) => !below.startsWith("source ")).map((below) => element("div", { class: "below" }, below)),
    onPoint && entries(line, onPoint),
    line.rule && publications(line));
  if (!line.truth) return element("li", { class: "why-line plain" }, content);
  return element("li", { class: "why-line" },
    element("span", { class: `truth ${line.truth}` }, TRUTHS[line.truth]), content);
}

/** The line as the command prints it, its rule a link to what the knowledge says of it. */
function text(line) {
  const said = line.tier ? line.text.replace(SOON, "") : line.text;
  const [name, ...others] = said.split(`[${line.rule}]`);
  if (!line.rule || !others.length) return said;
  return [name, element("a", { href: `/knowledge#${line.rule}` }, line.rule), others.join(`[${line.rule}]`)];
}

function entries(line, onPoint) {
  const named = line.entries.filter((entry) => entry.reference);
  if (!named.length) return null;
  return element("div", { class: "entries" }, named.map((entry) => element("button", {
    type: "button", "aria-pressed": "false", title: `Show ${entry.reference} in the chart`,
    onclick: (event) => point(event.currentTarget, entry, onPoint),
  }, entry.text || entry.reference)));
}

function point(button, entry, onPoint) {
  for (const other of document.querySelectorAll('.entries button[aria-pressed="true"]')) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "true");
  onPoint([entry.reference]);
}

function publications(line) {
  const unique = [...new Map(line.publications.map((one) => [one.url, one])).values()];
  return unique.length > 0 && element("div", { class: "publications" }, unique.flatMap((one, index) => [index ? " · " : "", outward(one.label, one.url)]));
}
