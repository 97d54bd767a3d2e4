/* What if: edits of a chart that never leave the page. The edited chart goes to the service as prefetch. */

import { element, show } from "./dom.js";
import { isMedicine, medicineName, referenceOf } from "./reading.js";

const SNOMED = "http://snomed.info/sct";
const LOINC = "http://loinc.org";
const UCUM = "http://unitsofmeasure.org";
const CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category";
const RASHES = { Petechiae: "271813007", Purpura: "423902002" };
const SITES = {
  "Lower leg": "30021000", Forearm: "14975008", Face: "89545001", Trunk: "22943007", "Mouth": "113277000",
  Conjunctiva: "29445007", Hand: "85562004", Foot: "56459004",
};

/** An edit: words for the list, and a function from the chart to the changed chart. */
const added = (label, resource) => ({ label, changes: [referenceOf(resource)], apply: (chart) => [...chart, resource] });

export function temperatureEdit(patientId, celsius, number) {
  return added(`Temperature ${celsius} °C`, observation(patientId, number, "vital-signs",
    { system: LOINC, code: "8310-5", display: "Body temperature" }, { value: celsius, unit: "°C", code: "Cel" }));
}

export function plateletsEdit(patientId, count, number) {
  return added(`Platelets ${count} ×10⁹/L`, observation(patientId, number, "laboratory",
    { system: LOINC, code: "777-3", display: "Platelets [#/volume] in Blood by Automated count" },
    { value: count, unit: "10*9/L", code: "10*9/L" }, [150, 400]));
}

export function rashEdit(patientId, rash, site, number) {
  const now = new Date().toISOString();
  const clinical = { system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: "active" };
  const verified = { system: "http://terminology.hl7.org/CodeSystem/condition-ver-status", code: "confirmed" };
  return added(`${rash}, ${site.toLowerCase()}`, {
    resourceType: "Condition", id: `what-if-${number}`, clinicalStatus: { coding: [clinical] },
    verificationStatus: { coding: [verified] }, code: { coding: [{ system: SNOMED, code: RASHES[rash], display: rash }] },
    bodySite: [{ coding: [{ system: SNOMED, code: SITES[site], display: site }] }],
    subject: { reference: `Patient/${patientId}` }, onsetDateTime: now, recordedDate: now,
  });
}

export function stopEdit(medicine, chart) {
  const reference = referenceOf(medicine);
  const end = new Date().toISOString();
  const ended = (one) => ({
    ...one, status: "stopped",
    ...(one.effectivePeriod && { effectivePeriod: { ...one.effectivePeriod, end } }),
  });
  const apply = (chart_) => chart_.map((one) => (referenceOf(one) === reference ? ended(one) : one));
  return { label: `${medicineName(medicine, chart)} stopped`, changes: [reference], apply };
}

function observation(patientId, number, category, coding, quantity, range) {
  const bound = (value) => ({ value, unit: quantity.unit, system: UCUM, code: quantity.code });
  return {
    resourceType: "Observation", id: `what-if-${number}`, status: "final",
    category: [{ coding: [{ system: CATEGORY, code: category }] }], code: { coding: [coding] },
    subject: { reference: `Patient/${patientId}` }, effectiveDateTime: new Date().toISOString(),
    valueQuantity: { system: UCUM, ...quantity },
    ...(range && { referenceRange: [{ low: bound(range[0]), high: bound(range[1]) }] }),
  };
}

/**
 * Shows the controls. `chart` is the chart as edited; `onChange(edits)` is called with the new list of edits.
 */
export function showWhatIf(target, { patientId, chart, edits, onChange }) {
  const number = 1 + Math.max(0, ...chart.map((one) => Number(/^what-if-(\d+)$/.exec(one.id)?.[1] ?? 0))); // not used yet
  const more = (edit) => onChange([...edits, edit]);
  const current = chart.filter((one) => isMedicine(one) && one.status === "active");
  show(target,
    element("p", { class: "note" }, "Change the chart, the cards follow. The changes stay in this page and go to the service as prefetch."),
    element("div", { class: "what-if-row" },
      numberForm("Temperature, °C", { min: 30, max: 43, step: 0.1, value: 39.2 }, "Add", (value) => more(temperatureEdit(patientId, value, number))),
      numberForm("Platelets, ×10⁹/L", { min: 0, max: 2000, step: 1, value: 8 }, "Set", (value) => more(plateletsEdit(patientId, value, number))),
      choiceForm([["Rash", Object.keys(RASHES)], ["Site", Object.keys(SITES)]], "Add", ([rash, site]) => more(rashEdit(patientId, rash, site, number))),
      current.length > 0 && choiceForm([["Medicine", current.map((one) => medicineName(one, chart))]], "Stop",
        (_, [index]) => more(stopEdit(current[index], chart)))),
    edits.length > 0 && element("div", { class: "edits" },
      element("ul", { class: "edits", "aria-label": "Changes" }, edits.map((edit, index) => element("li", {}, edit.label,
        element("button", { type: "button", "aria-label": `Undo: ${edit.label}`, onclick: () => onChange(edits.toSpliced(index, 1)) }, "×")))),
      element("button", { type: "button", id: "reset", onclick: () => onChange([]) }, "Reset")));
}

function numberForm(label, limits, verb, onValue) {
  const input = element("input", { type: "number", required: true, inputmode: "decimal", ...limits });
  return form(verb, label, () => onValue(input.valueAsNumber), element("label", {}, label, input));
}

function choiceForm(choices, verb, onChoice) {
  const selects = choices.map(([, options]) => element("select", {}, options.map((option) => element("option", {}, option))));
  const labels = choices.map(([label], index) => element("label", {}, label, selects[index]));
  const chosen = () => onChoice(selects.map((select) => select.value), selects.map((select) => select.selectedIndex));
  return form(verb, choices.map(([label]) => label).join(" and "), chosen, ...labels);
}

function form(verb, what, onSubmit, ...fields) {
  return element("form", { onsubmit: (event) => { event.preventDefault(); onSubmit(); } }, fields,
    element("button", { type: "submit", "aria-label": `${verb}: ${what}` }, verb));
}
