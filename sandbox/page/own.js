/* An own request: a CDS Hooks request or a FHIR Bundle, pasted, dropped or chosen; cards, trace, and what is not FHIR. */

import { cardElements, refusal } from "./cards.js";
import { element, show } from "./dom.js";
import { prefetchFor, requestFor } from "./request.js";
import * as server from "./server.js";
import { whyElements } from "./why.js";
import { curl } from "./wire.js";

const MOST = 10_000_000;

export function showOwn(target, { services, example }) {
  const result = element("div", { class: "own-result", id: "own-result" });
  const text = element("textarea", { id: "own-text", spellcheck: "false", "aria-describedby": "own-help" });
  const release = element("select", { id: "own-release" }, ["R4", "R5", "STU3"].map((name) => element("option", {}, name)));
  const file = element("input", { type: "file", accept: ".json,application/json", onchange: () => take(file.files[0]) });
  const send = () => tried(text.value, release.value, services, result);
  show(target,
    element("header", {}, element("h1", {}, "Your own request"),
      element("p", { class: "note", id: "own-help" }, "Paste or drop a CDS Hooks request, or a FHIR Bundle of one patient: a Bundle is sent as the prefetch of patient-view. It goes to this service and nowhere else; use no real patient.")),
    element("section", { class: "box drop", ondragover: over, ondragleave: leave, ondrop: drop },
      element("label", { for: "own-text" }, "Request or Bundle (JSON)"), text,
      element("div", { class: "buttons" },
        element("button", { type: "button", class: "main", id: "own-send", onclick: send }, "Ask the service"),
        element("label", {}, "FHIR release ", release),
        element("label", {}, element("span", { class: "unseen" }, "A JSON file"), file),
        element("button", { type: "button", id: "own-example", onclick: async () => { text.value = JSON.stringify(await example(), null, 2); } }, "An example"))),
    result);

  async function take(given) {
    if (given) text.value = given.size > MOST ? "" : await given.text();
    if (given?.size > MOST) show(result, mistake("This file is larger than 10 MB", "The service takes no larger request."));
  }
  function over(event) { event.preventDefault(); event.currentTarget.classList.add("over"); }
  function leave(event) { event.currentTarget.classList.remove("over"); }
  function drop(event) { event.preventDefault(); leave(event); take(event.dataTransfer.files[0]); }
}

async function tried(text, release, services, result) {
  const read = requestIn(text, services);
  if (read.mistake) return show(result, mistake(...read.mistake));
  const service = services.get(read.request.hook) ?? services.get("patient-view");
  const body = read.isBundle ? read.request : text; // what was pasted is sent as it was pasted
  const [answer, trace] = await Promise.all([server.call(service, body), server.explain(body, release)]);
  return show(result,
    element("p", { class: "note" }, `Sent to ${service.id}: ${answer.status}, ${answer.ms.toFixed(1)} ms`),
    await cardElements(answer, { service }),
    (answer.ok || trace.ok) && element("section", { class: "box" }, element("h2", {}, "Why"), // else it is said once
      trace.ok ? whyElements(trace.json) : refusal(trace)),
    element("details", { class: "box" }, element("summary", {}, "As curl"),
      element("pre", { tabindex: "0" }, curl(`/cds-services/${service.id}`, read.request))));
}

/** { request } for a request or a Bundle; { mistake: [what, next step] } for anything else. */
function requestIn(text, services) {
  if (!text.trim()) return { mistake: ["There is nothing to send", "Paste a request or a Bundle, or load the example."] };
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    return { mistake: ["This is not JSON", String(error.message)] };
  }
  if (given?.resourceType === "Bundle") return bundled(given, services);
  if (given && typeof given === "object" && !Array.isArray(given)) return { request: given };
  return { mistake: ["This is neither a request nor a Bundle", "A request has hook, hookInstance and context; a Bundle has resourceType."] };
}

function bundled(given, services) {
  const chart = (Array.isArray(given.entry) ? given.entry : []).map((entry) => entry?.resource).filter(Boolean);
  const patient = chart.find((one) => one.resourceType === "Patient" && one.id);
  if (!patient) return { mistake: ["The Bundle holds no Patient with an id", "Add the patient it is about."] };
  const prefetch = prefetchFor(services.get("patient-view").prefetch, chart);
  return { request: requestFor({ hook: "patient-view", patientId: patient.id, chart, prefetch }), isBundle: true };
}

function mistake(what, next) {
  return element("div", { class: "outcome", role: "alert" }, element("h3", {}, what), element("p", {}, next));
}
