"""What the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    """A threat model whose tests are gone, or a walk whose files have moved, is worse than none."""
    text = document.read_text(encoding="utf-8")
    rooms = "tests|docs|src|store|keeper|register|web|access|replay"
    named = re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|md|sql|toml))", text)
    missing = [n for n in named if not (ROOT / n).exists() and not (ROOT / "src" / "cloison" / n).exists()]
    assert missing == []


def test_the_walk_names_functions_that_exist() -> None:
    """Each `file: Name` of the walk is defined in that file."""
    text = (ROOT / "docs" / "walk.md").read_text(encoding="utf-8")
    for file, name in re.findall(r"`([\w/]+\.(?:py|sql)): ([\w.]+)`", text):
        folder = ROOT / "src" / "cloison" / ("store/sql" if file.endswith(".sql") else "")
        source = (folder / file).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"(def |class |function cloison\.){part}\b", source), (file, part)
