/* Cards as a record system shows them, and what a user makes of them, reported to the service. */

import { drawing, element, fromServer, say, show } from "./dom.js";
import { words } from "./reading.js";
import * as server from "./server.js";

const ORDER = ["critical", "warning", "info"];
const WORDS = { critical: "Critical", warning: "Warning", info: "Information" };
const SHAPES = {
  critical: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM7 4v5h2V4zm0 6v2h2v-2z",
  warning: "M8 1 15.5 15H.5zM7 6v4.5h2V6zm0 5.5v2h2v-2z",
  info: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M7 3.6v2h2v-2zm0 3.2V12h2V6.8z",
};
let shown = 0;

/** `answer` of the service as elements: cards, most urgent first, a word about silence, or the refusal. */
export async function cardElements(answer, { service, onAccepted = () => {} }) {
  if (!answer.ok) return [refusal(answer)];
  const cards = [...(answer.json?.cards ?? [])].sort((one, other) => rank(one) - rank(other));
  if (!cards.length) return [silence()];
  const details = await server.rendered(cards);
  return cards.map((card, index) => cardElement(card, details[index], service, onAccepted));
}

const rank = (card) => ORDER.indexOf(card.indicator);

/** One sentence for those who listen. */
export function spoken(answer) {
  if (!answer.ok) return "The service refused the call.";
  const cards = answer.json?.cards ?? [];
  const told = cards.map((card) => `${WORDS[card.indicator] ?? card.indicator}: ${card.summary}`);
  return told.length ? `${told.length} ${told.length === 1 ? "card" : "cards"}. ${told.join(". ")}` : "No card.";
}

function cardElement(card, detail, service, onAccepted) {
  shown += 1;
  const id = `card-${shown}`;
  const status = element("p", { class: "feedback", role: "status" });
  const made = element("article", { class: `card ${ORDER.includes(card.indicator) ? card.indicator : "info"}`, "aria-labelledby": id });
  const report = reporter(service, card, status);
  show(made,
    indicator(card.indicator),
    element("h3", { id }, card.summary),
    element("div", { class: "detail" }, fromServer(detail)),
    element("p", { class: "source" }, "Source: ", source(card.source)),
    links(card.links ?? []),
    suggestions(card, report, onAccepted),
    foot(card, made, report, status));
  return made;
}

function indicator(name) {
  const shape = drawing("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
    drawing("path", { d: SHAPES[name] ?? SHAPES.info, "fill-rule": "evenodd" }));
  return element("p", { class: "indicator" }, shape, WORDS[name] ?? String(name));
}

/** A link that leaves the page, when its address is http(s); else its label alone. */
export function outward(label, url) {
  const isWeb = /^https?:\/\//i.test(url ?? "");
  return isWeb ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label) : String(label ?? "");
}

const source = (given) => outward(given?.label ?? "", given?.url);

function links(given) {
  if (!given.length) return null;
  return element("p", { class: "card-links" }, given.map((link) =>
    link.type === "smart" ? `${link.label} (SMART app)` : outward(`${link.label}\u00a0↗`, link.url)));
}

function suggestions(card, report, onAccepted) {
  const given = card.suggestions ?? [];
  if (!given.length) return null;
  const buttons = given.map((suggestion) => element("button", {
    type: "button", class: suggestion.isRecommended ? "main" : "", title: "Accept: makes a draft to be signed or discarded",
    onclick: (event) => accept(event.currentTarget, suggestion, report, onAccepted),
  }, `+ ${suggestion.label}`));
  return [
    element("div", { class: "suggestions", role: "group", "aria-label": "Suggestions" }, buttons),
    element("details", { class: "creates" },
      element("summary", {}, `What ${given.length === 1 ? "it creates" : "they create"}`),
      element("ul", {}, given.map(created))),
  ];
}

function created(suggestion) {
  const actions = suggestion.actions ?? [];
  return element("li", {}, element("b", {}, suggestion.label), actions.map((action) => [
    element("dl", {}, told(action).map(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])),
    element("details", {}, element("summary", {}, "As FHIR JSON"),
      element("pre", { tabindex: "0" }, JSON.stringify(action.resource ?? action.resourceId, null, 2))),
  ]));
}

function told(action) {
  const made = action.resource ?? {};
  return [
    ["Does", action.description ?? action.type], ["Resource", made.resourceType ?? action.resourceId],
    ["What", words(made.code) || made.description], ["Status", [made.status, made.intent].filter(Boolean).join(", ")],
    ["Why", words(made.reasonCode?.[0] ?? made.reasonCode)],
    ["Codes", (made.code?.coding ?? []).map((one) => `${one.system} ${one.code}`).join(", ")],
  ].filter(([, text]) => text);
}

async function accept(button, suggestion, report, onAccepted) {
  button.disabled = true;
  button.className = "taken";
  button.textContent = `✓ ${suggestion.label}`;
  onAccepted(suggestion);
  await report({ outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
}

function foot(card, made, report, status) {
  const dismiss = element("button", { type: "button", onclick: () => askWhy(card, made, report, back) }, "Override…");
  const back = element("button", { type: "button", hidden: true, onclick: () => turn(made, dismiss, back, false) }, "Show again");
  return element("div", { class: "card-foot" }, dismiss, back, status);
  function turn(card_, one, other, isOver) {
    card_.classList.toggle("overridden", isOver);
    one.hidden = isOver;
    other.hidden = !isOver;
  }
}

/** Asks for a reason; the card is folded when one was given. */
function askWhy(card, made, report, back) {
  const reasons = card.overrideReasons ?? [];
  const comment = element("textarea", { rows: "2", id: "override-comment" });
  const dialog = element("dialog", { "aria-labelledby": "override-title" },
    element("form", { method: "dialog", onsubmit: () => override() },
      element("h3", { id: "override-title" }, "Why is this card not followed?"),
      reasons.map((reason, index) => element("label", {},
        element("input", { type: "radio", name: "reason", value: String(index), checked: index === 0 }), ` ${reason.display}`)),
      element("label", { for: "override-comment" }, "Comment (no names; only its length is kept)"), comment,
      element("div", { class: "buttons" },
        element("button", { type: "submit", class: "main" }, "Override"),
        element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"))));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!back.hidden) back.focus();
  });
  document.body.append(dialog);
  dialog.showModal();

  function override() {
    const reason = reasons[Number(dialog.querySelector("input[name=reason]:checked")?.value ?? -1)];
    made.classList.add("overridden");
    back.hidden = false;
    back.previousSibling.hidden = true;
    report({ outcome: "overridden", ...(overrideReason(reason, comment.value) ?? {}) }, reason?.display);
  }
}

function overrideReason(reason, userComment) {
  const given = {
    ...(reason && { reason: { code: reason.code, system: reason.system } }),
    ...(userComment.trim() && { userComment: userComment.trim() }),
  };
  return Object.keys(given).length ? { overrideReason: given } : null;
}

/** Sends what the user made of a card, and says what became of it. */
function reporter(service, card, status) {
  return async (outcome, why = "") => {
    const answer = await server.feedback(service, { card: card.uuid, outcomeTimestamp: new Date().toISOString(), ...outcome });
    const [text, kind] = became(answer, outcome.outcome === "accepted" ? "Accepted" : `Overridden${why && `: ${why}`}`);
    status.textContent = text;
    status.className = `feedback ${kind}`;
    say(text);
  };
}

function became(answer, done) {
  if (answer.ok) return [`${done}. The service has the feedback (${answer.status}, ${answer.ms.toFixed(0)} ms).`, "kept"];
  if (answer.status === 404) return [`${done} here. This service takes no feedback (404).`, "lost"];
  const reason = answer.json?.issue?.[0]?.details?.text ?? "no answer came";
  return [`${done} here, but the feedback was not kept: ${reason}`, "lost"];
}

function silence() {
  return element("div", { class: "silence" }, element("h3", {}, "No card"),
    element("p", {}, "The chart was read, and no rule has anything to say at this moment."),
    element("p", {}, "That is not reassurance: Why tells what is undecided, and what would settle it."));
}

/** A refusal in plain words: the status, what the OperationOutcome says, and where. */
export function refusal(answer) {
  const issue = answer.json?.issue?.[0] ?? {};
  const where = (issue.expression ?? []).join(", ");
  return element("div", { class: "outcome", role: "alert" },
    element("h3", {}, answer.status ? `The service answered ${answer.status}` : "The service did not answer"),
    element("p", {}, MEANINGS[answer.status] ?? ""),
    element("p", {}, issue.details?.text ?? issue.diagnostics ?? (answer.status ? answer.text.slice(0, 300) : "Is `make run` still running?")),
    where && element("p", {}, "Where: ", element("code", {}, where)),
    answer.json && element("details", {}, element("summary", {}, "OperationOutcome"),
      element("pre", { tabindex: "0" }, JSON.stringify(answer.json, null, 2))));
}

const MEANINGS = {
  400: "Something in the request is missing or of the wrong shape.",
  412: "What would be needed to judge could not be had; silence would look like reassurance.",
  413: "The request is too large.",
  415: "The request is not JSON, or not marked as JSON.",
  500: "A fault in the service; its log has the reference.",
};
