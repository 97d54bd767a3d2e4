/* Where bleeding into the skin is recorded, on an outline of the body. A picture of body sites as charted, no more. */

import { drawing, element } from "./dom.js";
import { siteName, words } from "./reading.js";

const SKIN = /petechi|purpur|bruis|ecchymos|haematoma|hematoma|rash|non-?blanching|lesion|skin|blister/i;
const MIRROR = 160;

/** Words of a site -> centres of spots; those on one side are mirrored. First match counts. */
const ZONES = [
  [/conjunctiv|eye|orbit/i, [[73, 27, 2], [87, 27, 2]]],
  [/mouth|oral|palat|gum|tongue|lip|mucos/i, [[80, 39, 5]]],
  [/scalp/i, [[80, 12, 7]]],
  [/face|cheek|forehead|nose/i, [[80, 29, 11]]],
  [/neck/i, [[80, 51, 5]]],
  [/chest|thora|breast/i, [[70, 78, 11], [90, 78, 11]]],
  [/forearm|elbow/i, [[119, 138, 8], [41, 138, 8]]],
  [/hand|wrist|finger|palm/i, [[125, 172, 5], [35, 172, 5]]],
  [/shoulder/i, [[112, 70, 6], [48, 70, 6]]],
  [/upper limb|upper extrem|\barms?\b/i, [[114, 98, 6], [120, 142, 6], [46, 98, 6], [40, 142, 6]]],
  [/thigh|groin|hip/i, [[97, 198, 8], [63, 198, 8]]],
  [/knee to ankle|lower leg|shin|calf|knee/i, [[96, 262, 8], [64, 262, 8]]],
  [/ankle|foot|feet|toe|heel|sole/i, [[96, 305, 5], [64, 305, 5]]],
  [/buttock|genital|perian/i, [[90, 168, 7], [70, 168, 7]]],
  [/lower limb|lower extrem|\blegs?\b/i, [[97, 205, 8], [96, 262, 8], [63, 205, 8], [64, 262, 8]]],
  [/abdom|belly|flank|trunk|back/i, [[80, 104, 15], [80, 138, 14]]],
  [/whole body|general/i, [[80, 80, 16], [80, 128, 16], [97, 205, 8], [63, 205, 8], [118, 130, 6], [42, 130, 6]]],
];

const HALF = "M80 47 H88 C88 55 92 58 101 61 C113 64 118 70 119 82 L123 118 C126 134 129 148 130 160 C132 168 133 176 " +
  "129 183 C126 187 121 184 121 177 L119 163 C115 149 112 138 110 124 L106 97 C106 112 104 124 103 136 C104 146 108 " +
  "154 108 168 C109 200 106 220 103 238 C106 256 103 277 99 298 L104 309 C105 316 95 317 91 312 L89 299 C86 277 86 " +
  "258 88 240 C86 220 84 198 81 178 L80 178";

/** A figure of the sites of skin entries that still hold, or null when none has a site. */
export function outline(chart) {
  const sites = [...new Set(chart.filter(isSkin).flatMap(sitesOf))];
  if (!sites.length) return null;
  const spots = sites.flatMap((site) => ZONES.find(([name]) => name.test(site))?.[1] ?? []);
  const label = `Recorded on: ${sites.join(", ")}`;
  return element("figure", { class: "where" },
    drawing("svg", { class: "body", viewBox: "22 2 116 318", role: "img", "aria-label": label },
      drawing("g", { class: "shape" },
        drawing("ellipse", { cx: 80, cy: 27, rx: 16.5, ry: 20.5 }),
        drawing("path", { d: HALF }),
        drawing("path", { d: HALF, transform: `matrix(-1 0 0 1 ${MIRROR} 0)` })),
      drawing("g", {}, [...new Set(spots)].flatMap(scattered))),
    element("figcaption", {}, sites.join(", ")));
}

const sitesOf = (one) => [one.bodySite ?? []].flat().map(siteName);

function isSkin(one) {
  const named = `${words(one.code)} ${words(one.valueCodeableConcept)}`;
  const status = [one.status, one.clinicalStatus?.coding?.[0]?.code, one.verificationStatus?.coding?.[0]?.code];
  return Boolean(one.bodySite) && SKIN.test(named) && one.valueBoolean !== false &&
    !status.some((word) => ["entered-in-error", "refuted", "resolved", "inactive"].includes(word));
}

/** Spots around a centre: always the same ones, in the order of a sunflower's seeds. */
function scattered([x, y, radius]) {
  const count = radius > 9 ? 11 : radius > 4 ? 7 : 3;
  return Array.from({ length: count }, (_, index) => {
    const angle = index * 2.4;
    const reach = radius * Math.sqrt((index + 0.5) / count);
    return drawing("circle", {
      class: "spot", r: 1.7, cx: (x + reach * Math.cos(angle)).toFixed(1), cy: (y + reach * 1.5 * Math.sin(angle)).toFixed(1),
    });
  });
}
