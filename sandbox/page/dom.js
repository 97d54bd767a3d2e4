/* Elements from data. Text is always set as text, so nothing from a chart or an answer can become markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An element. Members of `given`: on… listeners, `class`, and attributes; true sets an empty one, false none. */
export function element(name, given = {}, ...children) {
  return filled(document.createElement(name), given, children);
}

export function drawing(name, given = {}, ...children) {
  return filled(document.createElementNS(SVG, name), given, children);
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Puts the children in the place of what the element holds. */
export function show(target, ...children) {
  target.replaceChildren(...wanted(children));
}

/** Says something to those who listen instead of look. */
export function say(text) {
  byId("said").textContent = text;
}

const policy = window.trustedTypes?.createPolicy("rendered-by-the-server", { createHTML: (html) => html });

/** HTML that our server has rendered and cleaned, as nodes: the one place where text becomes markup. */
export function fromServer(html) {
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  return [...parsed.body.childNodes].map((node) => document.adoptNode(node));
}

function filled(made, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...wanted(children));
  return made;
}

const NOTHING = new Set([null, undefined, false, ""]);
const wanted = (children) => children.flat(Infinity).filter((child) => !NOTHING.has(child));
