"""Route of a product from its dose form, as RxNorm and dm+d write product names.

Source: RxNorm Technical Documentation, appendix on dose forms; dm+d Editorial Policy, form and route.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cds_hooks.reasoning.codes import words

_BRAND = re.compile(r"\[[^]]*\]")
_SAYS: Mapping[str, str] = {
    "sublingual": "sublingual",
    "buccal": "sublingual",
    "oromucosal": "oromucosal",
    "mouthwash": "oromucosal",
    "nasal": "nasal",
    "nose": "nasal",
    "ophthalmic": "ophthalmic",
    "eye": "ophthalmic",
    "otic": "otic",
    "ear": "otic",
    "rectal": "rectal",
    "suppository": "rectal",
    "suppositories": "rectal",
    "enema": "rectal",
    "enemas": "rectal",
    "vaginal": "vaginal",
    "pessary": "vaginal",
    "pessaries": "vaginal",
    "transdermal": "transdermal",
    "patches": "transdermal",
    "inhalation": "inhaled",
    "inhalant": "inhaled",
    "inhaler": "inhaled",
    "nebuliser": "inhaled",
    "inhal": "inhaled",
    "intra-articular": "intra-articular",
    "injection": "parenteral",
    "injectable": "parenteral",
    "infusion": "parenteral",
    "syringe": "parenteral",
    "syringes": "parenteral",
    "auto-injector": "parenteral",
    "pen": "parenteral",
    "cartridge": "parenteral",
    "topical": "topical",
    "cutaneous": "topical",
    "oral": "oral",
}
"""Words that name the route, whatever the form is."""

_SUGGESTS: Mapping[str, str] = {
    "tablet": "oral",
    "tablets": "oral",
    "capsule": "oral",
    "capsules": "oral",
    "caplets": "oral",
    "lozenges": "oral",
    "granules": "oral",
    "gum": "oral",
    "vials": "parenteral",
    "ampoules": "parenteral",
    "cream": "topical",
    "ointment": "topical",
    "lotion": "topical",
    "gel": "topical",
    "scalp": "topical",
    "shampoo": "topical",
}
"""Forms that have a usual route, believed where no word names another."""


def route_of(name: str) -> str:
    """Id of the route concept; empty when the name tells none, or more than one (a pack of two forms)."""
    found = words(_BRAND.sub("", name))
    for table in (_SAYS, _SUGGESTS):
        routes = {table[word] for word in found if word in table}
        if routes:
            return routes.pop() if len(routes) == 1 else ""
    return ""
