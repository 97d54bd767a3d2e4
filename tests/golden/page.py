"""The page of golden cards in docs: reading.md, with the cards of each patient that it speaks of put in.

`python -m tests.golden.page` writes the page anew.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs/golden-cards.md"
CARDS = FOLDER / "cards"


def page():
    """The page as Markdown. Under a heading that names a patient stand the notes, then the cards."""
    return "".join(f"{part}{_cards(patient)}" for patient, part in _parts())


def patients():
    """The patients that reading.md speaks of, in its order."""
    return [patient for patient, _ in _parts() if (CARDS / f"{patient}.md").is_file()]


def _parts():
    """Heading and text of each part; the opening has no heading."""
    parts = re.split(r"^(?=## )", (FOLDER / "reading.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(part.partition("\n")[0].removeprefix("## "), part) for part in parts]


def _cards(patient):
    """The golden file of a patient, its headings one level lower; nothing for a heading that names none."""
    path = CARDS / f"{patient}.md"
    if not path.is_file():
        return ""
    _, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    return re.sub(r"^## ", "### ", text, flags=re.MULTILINE) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
