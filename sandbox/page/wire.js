/* What went over the wire: the request, the answer, how long it took, and the same call for a terminal. */

import { element, say, show } from "./dom.js";

/** Shows one call. The service's part of the time is not known here: `ms` is what the page waited. */
export function showWire(target, { address, request, answer }) {
  const sent = JSON.stringify(request, null, 2);
  show(target,
    element("div", { class: "wire-head" },
      element("code", {}, `POST ${address}`),
      element("span", { class: "badge" }, `${answer.status} · ${answer.ms.toFixed(1)} ms`),
      element("span", { class: "note" }, `${size(JSON.stringify(request))} sent, ${size(answer.text)} received`),
      copyButton("Copy as curl", () => curl(address, request)),
      copyButton("Copy request", () => sent)),
    element("div", { class: "wire-pair" },
      element("div", {}, element("h3", {}, "Request"), element("pre", { tabindex: "0", id: "wire-request" }, shortened(sent))),
      element("div", {}, element("h3", {}, "Response"),
        element("pre", { tabindex: "0", id: "wire-response" }, answer.json ? JSON.stringify(answer.json, null, 2) : answer.text))));
}

const SHOWN = 60_000;

/** A long request slows the page; the copy buttons hold all of it. */
function shortened(text) {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}\n… ${size(text.slice(SHOWN))} more; copy it to see all`;
}

function size(text) {
  const bytes = new Blob([text]).size;
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} kB`;
}

/** The call for a POSIX shell. */
export function curl(address, request) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  return `curl -s -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(request))} ${quoted(location.origin + address)}`;
}

function copyButton(label, text) {
  const copy = async (event) => {
    const button = event.currentTarget;
    const done = await navigator.clipboard.writeText(text()).then(() => "Copied", () => "The browser does not allow copying");
    button.textContent = done;
    say(done);
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  return element("button", { type: "button", onclick: copy }, label);
}
