/* What the page asks of its own origin: the FHIR server, the CDS service, and the rendering of cards. */

const JSON_BODY = { "Content-Type": "application/json" };

/** What came back: `status` (0 when nothing did), `json` (null when it was none), `text`, and `ms` it took. */
export async function ask(address, body) {
  const started = performance.now();
  try {
    const answer = await fetch(address, sending(body));
    const text = await answer.text();
    return { status: answer.status, ok: answer.ok, text, json: parsed(text), ms: performance.now() - started };
  } catch {
    return { status: 0, ok: false, text: "", json: null, ms: performance.now() - started };
  }
}

function sending(body) {
  if (body === undefined) return {};
  return { method: "POST", headers: JSON_BODY, body: typeof body === "string" ? body : JSON.stringify(body) };
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const stories = async () => (await ask("/page/stories.json")).json ?? [];

/** Services by hook. */
export async function services() {
  const offered = (await ask("/cds-services")).json?.services ?? [];
  return new Map(offered.map((service) => [service.hook, service]));
}

/** Every resource of a chart, in FHIR R4. */
export async function chart(patientId) {
  const answer = await ask(`/fhir/Patient/${encodeURIComponent(patientId)}/$everything`);
  return (answer.json?.entry ?? []).map((entry) => entry.resource);
}

/** The resources as another FHIR release writes them. */
export async function written(release, resources) {
  if (release === "R4" || !resources.length) return resources;
  return (await ask(`/page/written/${release}`, resources)).json ?? [];
}

export const call = (service, request) => ask(`/cds-services/${service.id}`, request);
export const explain = (request, release = "") => ask(`/explain${release && `?fhir=${release}`}`, request);
export const feedback = (service, item) => ask(`/cds-services/${service.id}/feedback`, { feedback: [item] });

/** The details of cards as HTML that is safe to show, in the order of the cards. */
export async function rendered(cards) {
  const details = cards.map((card) => card.detail ?? "");
  if (!details.some(Boolean)) return details;
  const html = (await ask("/page/rendered", details)).json;
  return Array.isArray(html) ? html : details.map(() => "");
}
