/* The page: which view is shown, which patient, how the service is asked, and what follows from each change. */

import { cardElements, spoken } from "./cards.js";
import { markCounting, pointAt, showChart } from "./chart.js";
import { byId, element, say, show } from "./dom.js";
import { showOwn } from "./own.js";
import { patientList } from "./patients.js";
import { BROUGHT, HOOKS, prefetchFor, requestFor } from "./request.js";
import { showReview } from "./review.js";
import * as server from "./server.js";
import { showWhatIf } from "./whatif.js";
import { countingEntries, whyElements } from "./why.js";
import { showWire } from "./wire.js";

const state = { stories: [], services: new Map(), patientId: "", chart: [], edits: [], drafts: [], keys: new Set(), turn: 0 };
const FIRST = "child-fever-purpura"; // an emergency, with everything to see
let markPatient = () => {};

async function start() {
  setTheme(localStorage.getItem("pinpoint.theme"));
  byId("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  document.querySelector("[data-skip]").addEventListener("click", (event) => { event.preventDefault(); byId("cards").focus(); });
  [state.stories, state.services] = await Promise.all([server.stories(), server.services()]);
  prepareCall();
  markPatient = patientList(state.stories, (id) => { location.hash = `#/chart/${id}`; });
  showReview(byId("review-view"), { stories: state.stories, services: state.services, onOpen: () => {} });
  showOwn(byId("own-view"), { services: state.services, example: () => requestOf(state.patientId || FIRST) });
  window.addEventListener("hashchange", route);
  await route();
}

async function route() {
  const [view = "chart", id = ""] = location.hash.replace(/^#\/?/, "").split("/");
  const known = ["chart", "review", "own"].includes(view) ? view : "chart";
  for (const page of document.querySelectorAll("[data-page]")) page.hidden = page.dataset.page !== known;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === known) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (known !== "chart") return;
  const story = state.stories.find((one) => one.id === decodeURIComponent(id));
  await open(story?.id ?? (state.patientId || FIRST));
}

async function open(id) {
  if (id === state.patientId) return;
  state.patientId = id;
  byId("cards").setAttribute("aria-busy", "true");
  markPatient(id);
  const chart = await server.chart(id);
  if (id !== state.patientId) return;
  Object.assign(state, { chart, edits: [], drafts: [] });
  await changed();
}

/** Shows the chart as edited, then asks the service about it. */
async function changed() {
  const chart = edited();
  showChart(chart, new Set(state.edits.flatMap((edit) => edit.changes)));
  showDrafts();
  showWhatIf(byId("what-if-body"), {
    patientId: state.patientId, chart, edits: state.edits,
    onChange: (edits) => { state.edits = edits; changed(); },
  });
  await consult();
}

const edited = () => state.edits.reduce((chart, edit) => edit.apply(chart), state.chart);

async function consult() {
  const turn = (state.turn += 1);
  const isLate = () => turn !== state.turn;
  byId("cards").setAttribute("aria-busy", "true");
  const service = state.services.get(byId("hook").value);
  const request = await requestNow(service);
  if (isLate()) return;
  const answer = await server.call(service, request);
  const asked = server.explain(request); // not beside the call, whose time would tell of both
  const cards = await cardElements(answer, { service, onAccepted: drafted });
  if (isLate()) return;
  show(byId("cards-body"), cards);
  byId("answered").textContent = answer.status ? `answered in ${answer.ms.toFixed(1)} ms` : "";
  say(spoken(answer));
  showWire(byId("wire-body"), { address: `/cds-services/${service.id}`, request, answer });
  const trace = await asked;
  if (isLate()) return;
  showWhy(trace);
  byId("cards").setAttribute("aria-busy", "false");
}

function showWhy(trace) {
  if (!trace.json?.sections) {
    show(byId("why-body"), element("p", { class: "note" }, "There is no trace of a call that was refused."));
    return;
  }
  markCounting(countingEntries(trace.json));
  show(byId("why-body"), whyElements(trace.json, (references) => {
    say(pointAt(references) ? "Shown in the chart" : "This entry is not in the part of the chart that is shown");
  }));
}

// ---------------------------------------------------------------- how the service is asked

function prepareCall() {
  show(byId("hook"), HOOKS.map((hook) => element("option", { value: hook, disabled: !state.services.has(hook) },
    state.services.has(hook) ? hook : `${hook} (not offered)`)));
  byId("hook").addEventListener("change", () => { prepareHook(); consult(); });
  for (const id of ["release", "mode"]) byId(id).addEventListener("change", () => { prepareHook(); consult(); });
  byId("draft").addEventListener("change", () => consult());
  byId("call").addEventListener("submit", (event) => event.preventDefault());
  prepareHook();
}

function prepareHook() {
  const brought = BROUGHT[byId("hook").value];
  byId("draft-label").hidden = !brought;
  byId("draft-label").firstElementChild.textContent = brought?.label ?? "";
  show(byId("draft"), (brought?.choices ?? []).map((choice) => element("option", {}, choice.display)));
  const keys = Object.keys(state.services.get(byId("hook").value)?.prefetch ?? {});
  state.keys = new Set(keys.filter((key) => !key.startsWith("medication")));
  byId("keys").hidden = byId("mode").value !== "partial";
  show(byId("keys"), byId("keys").firstElementChild, keys.map((key) => element("label", {},
    element("input", { type: "checkbox", checked: state.keys.has(key), onchange: (event) => choose(key, event.currentTarget.checked) }), key)));
}

function choose(key, isSent) {
  if (isSent) state.keys.add(key);
  else state.keys.delete(key);
  consult();
}

/** Only prefetch can carry an edited chart or one of another release: the FHIR server holds the original, in R4. */
async function requestNow(service) {
  const release = byId("release").value;
  const onlyHere = state.edits.length > 0 || release !== "R4";
  const wanted = byId("mode").value;
  const mode = onlyHere && wanted === "none" ? "full" : wanted;
  byId("call-note").textContent = noteOn({ onlyHere, wanted });
  const chart = edited();
  const prefetch = mode === "none" ? null : await inRelease(release, sentKeys(prefetchFor(service.prefetch, chart), mode));
  const brought = BROUGHT[service.hook]?.choices[Math.max(byId("draft").selectedIndex, 0)];
  return requestFor({ hook: service.hook, patientId: state.patientId, chart, prefetch, brought, mayAsk: mode !== "full" && !onlyHere });
}

function noteOn({ onlyHere, wanted }) {
  if (!onlyHere || wanted === "full") return "";
  const why = state.edits.length ? "your changes are" : "this release is";
  return wanted === "none"
    ? `Everything is sent all the same: ${why} in this page only, not on the FHIR server.`
    : `The service is told of no server to ask: ${why} in this page only. What is left out stays unseen.`;
}

function sentKeys(prefetch, mode) {
  return mode === "full" ? prefetch : Object.fromEntries(Object.entries(prefetch).filter(([key]) => state.keys.has(key)));
}

async function inRelease(release, prefetch) {
  if (release === "R4") return prefetch;
  const resources = Object.values(prefetch).flatMap(resourcesIn);
  const written = await server.written(release, resources);
  const next = written[Symbol.iterator]();
  return Object.fromEntries(Object.entries(prefetch).map(([key, value]) => [key, refilled(value, next)]));
}

const resourcesIn = (value) => (value?.resourceType === "Bundle" ? (value.entry ?? []).map((entry) => entry.resource) : [value ?? []].flat());

function refilled(value, next) {
  if (value?.resourceType !== "Bundle") return value && next.next().value;
  return { ...value, ...(value.entry && { entry: value.entry.map(() => ({ resource: next.next().value })) }) };
}

/** The request of patient-view about a patient, everything sent. */
async function requestOf(patientId) {
  const chart = await server.chart(patientId);
  return requestFor({ hook: "patient-view", patientId, chart, prefetch: prefetchFor(state.services.get("patient-view").prefetch, chart) });
}

// ---------------------------------------------------------------- drafts, theme

function drafted(suggestion) {
  state.drafts.push(suggestion.label);
  showDrafts();
}

function showDrafts() {
  show(byId("drafts"), state.drafts.length > 0 && element("section", { class: "box drafts" },
    element("h2", {}, "Drafts, to be signed or discarded"), element("ul", {}, state.drafts.map((label) => element("li", {}, label)))));
}

const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function setTheme(theme) {
  if (!theme) return;
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("pinpoint.theme", theme);
}

await start();
