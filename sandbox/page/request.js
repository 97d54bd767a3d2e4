/* A CDS Hooks request, built from a chart as an EHR would: each prefetch template answered from its resources. */

const USER = "Practitioner/sandbox";
export const HOOKS = ["patient-view", "order-select", "order-sign", "encounter-discharge", "problem-list-item-create"];
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const SNOMED = "http://snomed.info/sct";

/** What a hook brings along: what one chooses it by, and the choices as codings. */
export const BROUGHT = {
  "order-select": { label: "Order being written", choices: medicines() },
  "order-sign": { label: "Order to be signed", choices: medicines() },
  "problem-list-item-create": {
    label: "Problem being added",
    choices: [
      { system: SNOMED, code: "271813007", display: "Petechiae" },
      { system: SNOMED, code: "423902002", display: "Purpura" },
      { system: SNOMED, code: "386661006", display: "Fever" },
    ],
  },
};

function medicines() {
  const named = { 5640: "ibuprofen", 1191: "aspirin", 67108: "enoxaparin", 32968: "clopidogrel", 161: "acetaminophen" };
  return Object.entries(named).map(([code, display]) => ({ system: RXNORM, code, display }));
}

/**
 * The request. `prefetch` is by key; without it (null) the service is told where it may ask.
 * `brought` is a coding of BROUGHT for the hooks that bring something.
 */
export function requestFor({ hook, patientId, chart, prefetch, brought, mayAsk }) {
  const request = {
    hook,
    hookInstance: crypto.randomUUID(),
    context: { userId: USER, patientId, ...contextOf(hook, patientId, chart, brought) },
  };
  if (mayAsk) request.fhirServer = `${location.origin}/fhir`;
  if (prefetch) request.prefetch = prefetch;
  return request;
}

/** Key -> what an EHR would send for it. Read templates give the resource, searches a Bundle, empty or not. */
export function prefetchFor(templates, chart) {
  const answered = Object.entries(templates).map(([key, template]) => [key, answerTo(template, chart)]);
  return Object.fromEntries(answered);
}

function answerTo(template, chart) {
  const [path, query] = template.split("?");
  if (query === undefined) return chart.find((one) => one.resourceType === path.split("/")[0]) ?? null;
  const asked = query.split("&").map((part) => part.split(/=(.*)/s));
  const found = chart.filter((one) => one.resourceType === path && asked.every((item) => answers(one, item)));
  if (asked.some(([name, value]) => name === "_sort" && value === "-date")) found.sort(newestFirst);
  return bundle([...found, ...(asked.some(([name]) => name === "_include") ? medicationsOf(found, chart) : [])]);
}

function answers(resource, [name, value]) {
  if (name === "code") return hasToken([resource.code], value);
  if (name === "category") return hasToken(resource.category ?? [], value);
  return true; // the chart is one patient's already; _sort, _count and _include choose nothing
}

function hasToken(concepts, wanted) {
  const own = concepts.flatMap((concept) => concept?.coding ?? []).flatMap((one) => [one.code, `${one.system}|${one.code}`]);
  return wanted.split(",").some((token) => own.includes(token));
}

export const dateOf = (one) =>
  one.effectiveDateTime ?? one.effectivePeriod?.start ?? one.onsetDateTime ?? one.recordedDate ?? one.authoredOn ??
  one.period?.start ?? one.performedDateTime ?? one.occurrenceDateTime ?? "";

const instant = (one) => new Date(dateOf(one)).getTime() || 0;
export const newestFirst = (one, other) => instant(other) - instant(one);

function medicationsOf(found, chart) {
  const wanted = new Set(found.map((one) => one.medicationReference?.reference));
  return chart.filter((one) => one.resourceType === "Medication" && wanted.has(`Medication/${one.id}`));
}

export function bundle(resources, type = "searchset") {
  const entry = resources.map((resource) => ({ resource }));
  return { resourceType: "Bundle", type, ...(type === "searchset" && { total: entry.length }), ...(entry.length && { entry }) };
}

function contextOf(hook, patientId, chart, brought) {
  if (hook === "encounter-discharge") {
    return { encounterId: chart.find((one) => one.resourceType === "Encounter")?.id ?? "sandbox-visit" };
  }
  if (hook === "problem-list-item-create") return { conditions: bundle([newProblem(patientId, brought)]) };
  if (hook === "patient-view") return {};
  const drafts = bundle([draftOrder(patientId, brought)], "collection");
  return { draftOrders: drafts, ...(hook === "order-select" && { selections: ["MedicationRequest/draft-1"] }) };
}

const coded = (coding) => ({ coding: [coding], text: coding.display });

function draftOrder(patientId, coding) {
  return {
    resourceType: "MedicationRequest", id: "draft-1", status: "draft", intent: "order",
    medicationCodeableConcept: coded(coding), subject: { reference: `Patient/${patientId}` },
  };
}

function newProblem(patientId, coding) {
  const clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical";
  return {
    resourceType: "Condition", id: "new-problem-1", code: coded(coding), subject: { reference: `Patient/${patientId}` },
    clinicalStatus: { coding: [{ system: clinical, code: "active" }] }, recordedDate: new Date().toISOString(),
  };
}
