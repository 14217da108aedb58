"""docs/provision-check.md is made from the code; `python -m tests.unit.provision.check.test_pages` writes it."""

import re
from pathlib import Path

import pytest

from imagekit.provision.check.show import rules_page
from tests.support.manifests import wrong_page

PAGE = Path(__file__).parents[4] / "docs" / "provision-check.md"
PARTS = {"rules": rules_page, "wrong": wrong_page}


@pytest.mark.parametrize("part", PARTS)
def test_the_page_is_that_of_the_code(part: str) -> None:
    found = re.search(f"<!-- {part} begin -->\n(.*?)<!-- {part} end -->", PAGE.read_text(encoding="utf-8"), re.S)
    assert found is not None
    assert found[1] == PARTS[part](), "run: python -m tests.unit.provision.check.test_pages"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for part, made in PARTS.items():
        head, _, rest = text.partition(f"<!-- {part} begin -->\n")
        text = f"{head}<!-- {part} begin -->\n{made()}<!-- {part} end -->{rest.partition(f'<!-- {part} end -->')[2]}"
    PAGE.write_text(text, encoding="utf-8")
