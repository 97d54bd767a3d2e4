"""Golden cards: what every sandbox patient gets, word for word.

A difference is not a failure of the wording but a question to a clinician: is the new text better? When it
is, `pytest tests/golden --rewrite` writes the files anew, and their diff is reviewed with the change.
"""

from difflib import unified_diff
from pathlib import Path

import pytest

from tests.end_to_end.charts import PATIENTS, cards_of, stories

FOLDER = Path(__file__).parent / "cards"


@pytest.fixture
def rewrite(request):
    # The option is known only when this folder is named on the command line.
    return request.config.getoption("--rewrite", default=False)


@pytest.mark.parametrize("patient", PATIENTS)
def test_the_cards_are_the_golden_ones(patient, rewrite):
    written = rendered(patient)
    path = FOLDER / f"{patient}.md"
    if rewrite:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")

    golden = path.read_text(encoding="utf-8") if path.exists() else ""

    if golden != written:
        diff = unified_diff(golden.splitlines(), written.splitlines(), "golden", "now", lineterm="")
        lines = "\n".join(diff)
        pytest.fail(f"{patient} gets other cards. If they are right: pytest tests/golden --rewrite\n{lines}")


def test_no_golden_file_is_left_of_a_patient_who_is_gone():
    assert sorted(PATIENTS) == sorted(path.stem for path in FOLDER.glob("*"))


def rendered(patient):
    """The story and its cards as Markdown: indicator, summary, detail, source, and what may be clicked."""
    story = stories()[patient]
    cards = cards_of(patient)
    head = [f"# {patient}", "", f"{story.kind}: {story.headline}", ""]
    parts = [line for card in cards for line in _card(card)]
    return "\n".join([*head, *(parts or ["No card."])]).rstrip("\n") + "\n"


def _card(card):
    reasons = " · ".join(reason.display for reason in card.override_reasons)
    return [
        f"## {card.indicator}: {card.summary}",
        "",
        card.detail,
        "",
        f"source: {card.source.label} <{card.source.url}> · topic {card.source.topic.code}",
        "",
        *(f"may order: {suggestion.label}" for suggestion in card.suggestions),
        *(f"link: {link.label} <{link.url}>" for link in card.links),
        f"overrides: {reasons}",
        "",
    ]
