"""Tests of the page as a file: escaped, within itself, bounded, and clear about what it needs."""

from __future__ import annotations

import base64
import builtins
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from shim.comparison.report import render_html, write_html
from shim.comparison.runs.tally import Tally
from shim.comparison.verdict import Mismatch, Outcome
from tests.comparison.report.made import MADE_AT, TEXT, detail, details, tally_of
from tests.helpers.exchanges import ANSWER, exchange, streamed

EVIL = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>\"'><svg onload=window.hurt=1>"


def rendered(shown: Any = None, **settings: Any) -> str:
    """The page of the usual run, or of these details."""
    shown = details() if shown is None else shown
    return render_html(tally_of(shown), details=shown, made_at=MADE_AT, **settings)


def hostile() -> list[Any]:
    """A detail with markup wherever a server or a recording can put text."""
    spoilt = exchange(
        {"model": EVIL, "messages": []},
        EVIL.encode(),
        pair_id=EVIL,
        client=EVIL,
        context={EVIL: EVIL},
    )
    mismatch = Mismatch(path=EVIL, control=EVIL, candidate={EVIL: EVIL}, rule="tee.text", excerpt=EVIL, ignored=EVIL)
    fields: dict[str, Any] = {"asked": EVIL, "message": EVIL, "reason": EVIL, "variant": EVIL, "pair_id": EVIL}
    return [
        detail(mismatch, TEXT, of=spoilt, **fields),
        detail(of=streamed(EVIL.encode()), outcome=Outcome.FAILED, **fields),
    ]


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as #1f5fa8 (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_told_from_its_ground(scheme: int) -> None:
    """Every colour of text has a contrast of at least 4.5 on every ground it stands on (WCAG 2.2, 1.4.3)."""
    style = (files("shim.comparison.report") / "page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style.split(":root {")[scheme + 1]))
    grounds = dict.fromkeys(("ink", "soft", "link", "control", "candidate"), ("paper", "panel", "sunk"))
    tones = {name: ("paper", "panel", f"{name}-tint") for name in ("match", "mismatch", "ignored", "failed")}
    marks = {"ink": ("control-mark", "candidate-mark")}
    for each in (grounds, tones, marks):
        for text, under in each.items():
            for ground in under:
                dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attributes for name, attributes in self.found if name == tag]


def test_markup_of_strangers_is_text() -> None:
    """Markup in anything that was recorded makes no element and no attribute of the page."""
    page = Elements(rendered(hostile(), title=EVIL, compared=EVIL, sides=(EVIL, EVIL)))
    assert len(page.named("script")) == 1
    assert page.named("img") == []
    handlers = [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert handlers == []


def test_nothing_is_loaded() -> None:
    """The page refers to nothing outside itself: every address in it is a fragment or a data URL."""
    page = Elements(rendered())
    addresses = [
        value
        for _, attributes in page.found
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "poster", "xlink:href", "data"}
    ]
    assert addresses
    assert all(address and address.startswith(("#", "data:")) for address in addresses)
    style = (files("shim.comparison.report") / "page.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import", style)


def test_the_policy_names_what_is_there() -> None:
    """The policy lets in no script and no style but those of the page, by their hashes."""
    text = rendered()
    (policy,) = [
        each["content"] for each in Elements(text).named("meta") if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_three_things_are_taken_as_html() -> None:
    """Of all the templates take as HTML there are the cards, the style and the script, and nothing else."""
    folder = files("shim.comparison.report")
    texts = [each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".jinja")]
    marked = [name for text in texts for name in re.findall(r"{{\s*(\w+)\s*\|\s*safe\s*}}", text)]
    assert sorted(marked) == ["card", "script", "style"]
    assert sum(text.count("safe }}") + text.count("autoescape") for text in texts) == 3


def test_the_page_says_all() -> None:
    """Headline, rule, path, both values, asked line, reason, owner and recorded answer are in the page without a script."""
    text = rendered(compared="day.jsonl", sides=("legacy client", "native provider"))
    for words in (
        "1 of 1,204 exchanges differs on the wire rung, 1 on the tee rung.",
        "day.jsonl",
        "legacy client",
        "response.choices[0].text",
        "ap<mark>p</mark>les",
        "Text, reasoning and refusal must be identical.",
        "POST /v1/responses, gpt-4.1-mini",
        "The client names itself. (owner: platform)",
        "The body was left out of the recording.",
        'id="tee-17"',
        "data: [DONE]",
    ):
        assert words in text


@pytest.mark.slow
def test_identifiers_are_unique() -> None:
    """No identifier is on the page twice, even where numbers repeat."""
    page = Elements(rendered([detail(TEXT), detail(TEXT), *details()]))
    identifiers = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert "tee-17-3" in identifiers


@pytest.mark.slow
def test_large_recordings_make_no_large_page() -> None:
    """Two hundred details of the largest bodies, all of characters that escape, stay below ten megabytes."""
    quotes = '"' * 300_000
    big = exchange({"model": "m", "text": quotes}, quotes.encode(), *[b'"' * 900] * 70)
    mismatches = [Mismatch(path="a", control=quotes, candidate=quotes[1:] + "x", rule="wire.body")] * 4
    shown = [detail(*mismatches, of=big, number=number, message=quotes) for number in range(200)]
    text = rendered(shown)
    assert len(text.encode()) < 10_000_000
    assert "left off to keep this page small" in text
    assert "not shown on this page" in text


@pytest.mark.slow
def test_nothing_to_look_at_is_said() -> None:
    """A run where all match says so, and one where nothing was compared does not claim a match."""
    assert "Nothing to look at: no verdict needs a person." in rendered([])
    empty = render_html(Tally(), details=[], made_at=MADE_AT)
    assert "Nothing was compared." in empty
    assert "match on" not in empty


def test_verdicts_that_match_are_no_cards() -> None:
    """A detail that matches is left out."""
    assert 'class="card"' not in rendered([detail(outcome=Outcome.MATCH)])


def test_a_file_is_written(tmp_path: Path) -> None:
    """The page is written as UTF-8, a lone surrogate as its escape, over what was there."""
    path = tmp_path / "report.html"
    path.write_text("before")
    answer = {**ANSWER, "id": "x"}
    shown = [detail(Mismatch(path="p\ud800", control="\udfff", candidate=answer, rule="tee.text"))]
    write_html(path, tally_of(shown), details=shown, title="Tuesday \ud800", made_at=MADE_AT)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "Tuesday \\ud800" in text


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jinja2 the error names the extra to install."""
    real = builtins.__import__

    def without_jinja2(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_jinja2)
    with pytest.raises(ModuleNotFoundError, match=r"legacy-openai-shim\[cli\]"):
        rendered()
