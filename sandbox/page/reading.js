/* A FHIR R4 chart as rows to show. Nothing here decides what anything means; that is the service's work. */

import { dateOf, newestFirst } from "./request.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const OVER = new Set(["resolved", "inactive", "remission", "stopped", "completed", "cancelled", "not-taken"]);

export const referenceOf = (one) => `${one.resourceType}/${one.id}`;

/** Words of a CodeableConcept: its text, else the first display, else its code. */
export function words(concept) {
  const coding = concept?.coding?.[0];
  return concept?.text ?? concept?.coding?.find((one) => one.display)?.display ?? coding?.code ?? "";
}

/** A laboratory's name without its specification: "Platelets [#/volume] in Blood …" is "Platelets". */
const shortName = (concept) => words(concept).split(/ \[| by | in (Arterial )?(Blood|blood)| in Serum| panel$/)[0];

/** A site without the code system's ceremony: "Skin structure of abdomen" is "abdomen". */
export const siteName = (concept) => words(concept).replace(/^(skin )?structure of /i, "").replace(/ structure$/i, "");

export function personOf(patient, at = new Date()) {
  const name = patient?.name?.[0] ?? {};
  return {
    name: [...(name.given ?? []), name.family ?? ""].filter(Boolean).join(" ") || name.text || "No name",
    given: name.given?.[0] ?? name.text ?? "No name",
    age: ageOf(patient?.birthDate, at),
    sex: patient?.gender ?? "sex not recorded",
  };
}

function ageOf(born, at) {
  if (!born) return "age not recorded";
  const birth = new Date(born);
  const months = (at.getFullYear() - birth.getFullYear()) * 12 + at.getMonth() - birth.getMonth() - (at.getDate() < birth.getDate());
  if (months >= 24) return `${Math.floor(months / 12)} years`;
  const days = Math.floor((at - birth) / 86_400_000);
  if (months >= 3) return `${months} months`;
  if (days >= 14) return `${Math.floor(days / 7)} weeks`;
  return days === 1 ? "1 day" : `${days} days`;
}

/** A date as a ward says it: today 08:05, yesterday, 3 Mar, Mar 2024. */
export function said(date, at = new Date()) {
  if (!date) return "";
  const [year, month, day] = date.split("T")[0].split("-").map(Number);
  if (!month) return String(year);
  if (!day) return `${MONTHS[month - 1]} ${year}`;
  const then = date.includes("T") ? new Date(date) : new Date(year, month - 1, day);
  if (Number.isNaN(then.getTime())) return date;
  const clock = date.includes("T") ? ` ${String(then.getHours()).padStart(2, "0")}:${String(then.getMinutes()).padStart(2, "0")}` : "";
  const daysAgo = Math.round((midnight(at) - midnight(then)) / 86_400_000);
  if (daysAgo === 0) return `today${clock}`;
  if (daysAgo === 1) return `yesterday${clock}`;
  return `${then.getDate()} ${MONTHS[then.getMonth()]}${then.getFullYear() === at.getFullYear() ? "" : ` ${then.getFullYear()}`}`;
}

const midnight = (when) => new Date(when.getFullYear(), when.getMonth(), when.getDate());
const statusOf = (concept) => concept?.coding?.[0]?.code ?? "";

/** Rows { reference, what, sub, when, isOff } of problems and visit diagnoses. */
export function problems(chart) {
  return chart.filter((one) => one.resourceType === "Condition").sort(newestFirst).map((one) => {
    const status = [statusOf(one.verificationStatus), statusOf(one.clinicalStatus)]
      .filter((word) => word && !["active", "confirmed"].includes(word));
    return {
      reference: referenceOf(one), what: words(one.code) || "No name",
      sub: [...(one.bodySite ?? []).map(siteName), ...status].join(" · "),
      when: said(one.onsetDateTime ?? one.onsetPeriod?.start ?? one.recordedDate),
      isOff: status.some((word) => OVER.has(word) || ["refuted", "entered-in-error"].includes(word)),
    };
  });
}

export const isMedicine = (one) => /^Medication(Request|Statement|Administration|Dispense)$/.test(one.resourceType);

export function medicineName(one, chart) {
  const id = one.medicationReference?.reference ?? "";
  const pointed = id.startsWith("#")
    ? one.contained?.find((inside) => inside.id === id.slice(1))
    : chart.find((other) => referenceOf(other) === id);
  return words(one.medicationCodeableConcept ?? pointed?.code) || "Medicine without a name";
}

export function medicines(chart) {
  return chart.filter(isMedicine).map((one) => ({
    reference: referenceOf(one), what: medicineName(one, chart),
    sub: [(one.dosage ?? one.dosageInstruction)?.[0]?.text, one.status === "active" ? "" : one.status].filter(Boolean).join(" · "),
    when: since(one), isOff: OVER.has(one.status) || one.status === "entered-in-error",
  }));
}

function since(one) {
  const end = one.effectivePeriod?.end;
  if (end) return `until ${said(end)}`;
  const start = one.effectivePeriod?.start ?? one.effectiveDateTime ?? one.authoredOn;
  return start ? `since ${said(start)}` : "";
}

/** What else happened, as rows. */
export function events(chart) {
  const kinds = { Procedure: "code", Immunization: "vaccineCode", Encounter: "type", DiagnosticReport: "code" };
  return chart.filter((one) => one.resourceType in kinds).sort(newestFirst).map((one) => {
    const named = one[kinds[one.resourceType]];
    return {
      reference: referenceOf(one),
      what: words(Array.isArray(named) ? named[0] : named) || (one.class ? `Visit, ${one.class.display ?? one.class.code}` : one.resourceType),
      sub: one.status === "finished" || one.status === "completed" ? "" : one.status, when: said(dateOf(one)), isOff: false,
    };
  });
}

const hasCategory = (one, name) => (one.category ?? []).some((category) => category.coding?.some((coding) => coding.code === name));

/** Observations of one sort, each code once: the newest, with the older values behind it. */
export function observations(chart, sort) {
  const groups = new Map();
  for (const one of chart.filter((each) => each.resourceType === "Observation" && sortOf(each) === sort).sort(newestFirst)) {
    const key = one.code?.coding?.[0]?.code ?? words(one.code);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map(observationRow);
}

function sortOf(one) {
  if (hasCategory(one, "vital-signs")) return "vital";
  return hasCategory(one, "exam") || hasCategory(one, "survey") || one.bodySite ? "exam" : "result";
}

function observationRow(group) {
  const [newest] = group;
  return {
    reference: referenceOf(newest), older: group.slice(1).map(referenceOf), what: shortName(newest.code) || "No name",
    full: words(newest.code), ...valueOf(newest), when: said(dateOf(newest)), flag: flagOf(newest),
    sub: [newest.bodySite && siteName(newest.bodySite), newest.status === "final" ? "" : newest.status].filter(Boolean).join(" · "),
    isOff: ["entered-in-error", "cancelled"].includes(newest.status),
    code: newest.code?.coding?.[0]?.code ?? "",
    series: group.filter((one) => typeof one.valueQuantity?.value === "number" && one.status !== "entered-in-error")
      .map((one) => ({ value: one.valueQuantity.value, at: new Date(dateOf(one)).getTime() })).reverse(),
    normal: { low: newest.referenceRange?.[0]?.low?.value, high: newest.referenceRange?.[0]?.high?.value },
  };
}

/** { value, unit } in words. */
function valueOf(one) {
  if (one.component) return { value: one.component.map((part) => valueOf(part).value).join(" / "), unit: valueOf(one.component[0]).unit };
  if (one.valueQuantity) {
    const { value, comparator = "", unit, code } = one.valueQuantity;
    return { value: `${comparator}${value ?? ""}`, unit: (unit ?? code ?? "").replace(/^10[*^]9\/L$/, "×10⁹/L") };
  }
  if (one.valueBoolean !== undefined) return { value: one.valueBoolean ? "yes" : "no", unit: "" };
  const text = one.valueString ?? words(one.valueCodeableConcept);
  return { value: text || (one.dataAbsentReason ? words(one.dataAbsentReason) : "–"), unit: "" };
}

function flagOf(one) {
  const flag = one.interpretation?.[0]?.coding?.[0]?.code;
  if (flag && flag !== "N") return flag;
  const value = one.valueQuantity?.value;
  const range = one.referenceRange?.[0] ?? {};
  if (typeof value !== "number") return "";
  if (value < range.low?.value) return "L";
  return value > range.high?.value ? "H" : "";
}

/** What of the banner must not be overlooked. */
export function flags(chart) {
  const patient = chart.find((one) => one.resourceType === "Patient") ?? {};
  const allergies = chart.filter((one) => one.resourceType === "AllergyIntolerance").map((one) => `Allergy: ${words(one.code)}`);
  const isDead = patient.deceasedBoolean || patient.deceasedDateTime;
  return [...(isDead ? ["Has died"] : []), ...allergies];
}
