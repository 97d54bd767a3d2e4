"""The card that README shows as text: what the service really says of one patient of the sandbox.

`python -m tests.docs.sample_card` writes it into README anew.
"""

import re
import textwrap
from pathlib import Path

from cds_hooks.cards.compose import Voice
from cds_hooks.service import advise_on
from cds_hooks.settings import Settings
from tests.end_to_end.charts import advice_of, library
from tests.protocol.charts import AT

README = Path(__file__).parents[2] / "README.md"
PATIENT = "child-fever-purpura"
WIDTH = 84
BOX = re.compile(r"(?<=```text\n)┌.*?┘(?=\n```)", re.DOTALL)


def box():
    """The first card of the patient in a frame, as a sandbox on its usual port answers it."""
    voice = Voice(region=Settings().region, public_url="http://127.0.0.1:8080")
    card = advise_on(advice_of(PATIENT).record, library(), AT, voice).cards[0]
    lines = [line for text in _texts(card) for line in _wrapped(text)]
    return "\n".join(
        [f"┌{'─' * (WIDTH + 2)}┐", *(f"│ {line:<{WIDTH}} │" for line in lines), f"└{'─' * (WIDTH + 2)}┘"]
    )


def _texts(card):
    detail = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", card.detail.replace("**", ""))
    return [
        f"{card.indicator.upper()}  {card.summary}",
        "",
        *detail.splitlines(),
        "",
        f"Source: {card.source.label}",
        f"Links: {_listed(card.links, 'label')}",
        f"May order: {_listed(card.suggestions, 'label')}",
        f"Set aside because: {_listed(card.override_reasons, 'display')}",
    ]


def _listed(things, name):
    return " · ".join(getattr(thing, name) for thing in things)


def _wrapped(text):
    """The text in lines of the frame; what goes on stands below the beginning of what is said."""
    indent = " " * (10 if text.startswith("CRITICAL") else 2)
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def with_card(text):
    """The README with the card as it is now."""
    return BOX.sub(box(), text)


if __name__ == "__main__":
    README.write_text(with_card(README.read_text(encoding="utf-8")), encoding="utf-8")
