/* The list of patients: filtered by type of story and by words, walked with the arrow keys. */

import { byId, element, show } from "./dom.js";
import { personOf } from "./reading.js";

const KINDS = ["all", "emergency", "urgent", "benign", "silent", "dialect"];

/** Shows the list of stories and calls `onChoose(id)` for the one that is chosen. Gives a function that marks one. */
export function patientList(stories, onChoose) {
  const list = byId("patient-list");
  const ordered = stories.toSorted((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
  let kind = "all";
  let chosen = "";

  show(byId("kinds"), byId("kinds").firstElementChild, KINDS.map((name) => element("label", {},
    element("input", { type: "radio", name: "kind", value: name, checked: name === kind, onchange: () => { kind = name; fill(); } }),
    element("span", {}, name))));
  byId("patient-search").addEventListener("input", fill);
  list.addEventListener("click", (event) => choose(event.target.closest("li")));
  list.addEventListener("keydown", walk);
  fill();
  return mark;

  function fill() {
    const asked = byId("patient-search").value.trim().toLowerCase();
    const fitting = ordered.filter((story) => (kind === "all" || story.kind === kind) && wordsOf(story).includes(asked));
    show(list, fitting.map(option), !fitting.length && element("li", { role: "option", "aria-selected": "false", "aria-disabled": "true" }, "None fits."));
    mark(chosen);
  }

  function mark(id) {
    chosen = id;
    for (const one of list.children) one.setAttribute("aria-selected", String(one.dataset.id === id));
    const own = byId(`patient-${id}`);
    if (own) list.setAttribute("aria-activedescendant", own.id);
    else list.removeAttribute("aria-activedescendant");
    own?.scrollIntoView({ block: "nearest" });
  }

  function walk(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const all = [...list.children];
    const here = all.findIndex((one) => one.dataset.id === chosen);
    choose(all[Math.min(Math.max(here + step, 0), all.length - 1)]);
  }

  function choose(one) {
    if (one?.dataset.id) onChoose(one.dataset.id);
  }
}

const wordsOf = (story) => `${story.id} ${story.headline} ${personOf(story.patient).name}`.toLowerCase();

function option(story) {
  const person = personOf(story.patient);
  return element("li", { role: "option", id: `patient-${story.id}`, "data-id": story.id, "aria-selected": "false" },
    element("b", {}, `${person.given}, ${person.age.replace(" years", "")}`),
    element("span", { class: `badge ${story.kind}` }, story.kind),
    element("small", {}, story.headline));
}
