"""Values are cut into YAML; every other character stays."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from otai_freshdesk.cli.setup_edit import NotEditableError, YamlText, flow_text, scalar_text

TEXT = """\
# before
a:   # behind a
  'one' :   "two"   # why two
  list: [ 1,  2 ]
  empty:
  # below

b: {x: y, z: w} # flow
folded:
  text: >
    many words
    in lines
"""
NAMES = st.text(min_size=1).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)


@settings(deadline=None)  # a busy machine is no mistake
@given(NAMES)
def test_any_name_survives_behind_a_key(name: str) -> None:
    text = scalar_text(name)

    assert "\n" not in text
    assert yaml.safe_load(f"a:\n  key: {text} # comment\n") == {"a": {"key": name}}


@settings(deadline=None)  # a busy machine is no mistake
@given(st.lists(NAMES | st.none()))
def test_any_name_survives_within_brackets(names: list[str | None]) -> None:
    assert yaml.safe_load(f"[{', '.join(map(flow_text, names))}]") == names


@pytest.mark.parametrize(
    ("path", "value", "comment", "old", "new"),
    [
        (("a", "one"), "2", None, '"two"', "'2'"),
        (("a", "one"), "2", "since", '"two"   # why two', "'2' # since"),
        (("a", "empty"), "full", None, "empty:", "empty: full"),
        (("b", "x"), "no", None, "{x: y,", "{x: 'no',"),
    ],
)
def test_one_value_is_replaced_and_nothing_else(
    path: tuple[str, ...], value: str, comment: str | None, old: str, new: str
) -> None:
    work = YamlText(TEXT)

    work.replace(path, scalar_text(value), comment)

    assert work.changed() == TEXT.replace(old, new, 1)


def test_a_list_is_replaced_whole() -> None:
    work = YamlText(TEXT)

    work.replace(("a", "list"), "[null, x]")

    assert work.changed() == TEXT.replace("[ 1,  2 ]", "[null, x]")


def test_several_changes_at_once() -> None:
    work = YamlText(TEXT)

    work.replace(("b", "z"), "1")
    work.insert(("a", "new"), "x", "first")
    work.insert(("a", "newer"), "y")
    work.replace(("a", "one"), "3")

    changed = yaml.safe_load(work.changed())
    assert changed["a"] == {"one": 3, "list": [1, 2], "empty": None, "new": "x", "newer": "y"}
    assert changed["b"] == {"x": "y", "z": 1}
    assert "  new: x # first\n  newer: y\n" in work.changed()


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("m: {}\n", ("m", "k"), "m: {k: v}\n"),
        ("m: {a: b}\n", ("m", "k"), "m: {a: b, k: v}\n"),
        ("m:\n    a: b # c", ("m", "k"), "m:\n    a: b # c\n    k: v"),
        ("m:\r\n  a: b\r\nn: 1\r\n", ("m", "k"), "m:\r\n  a: b\r\n  k: v\r\nn: 1\r\n"),
        (
            "m: # c\n  a:\n    b: {x:\n      y}\n",
            ("m", "k"),
            "m: # c\n  k: v\n  a:\n    b: {x:\n      y}\n",
        ),
    ],
)
def test_a_key_is_added(text: str, path: tuple[str, ...], expected: str) -> None:
    work = YamlText(text)

    work.insert(path, "v")

    assert work.changed() == expected
    yaml.safe_load(expected)


def test_a_block_goes_below_its_key() -> None:
    work = YamlText("m:\n  a: b\n")

    work.insert(("m", "k"), "x: 1\n\ny: 2\n")

    assert work.changed() == "m:\n  a: b\n  k:\n    x: 1\n\n    y: 2\n"


@pytest.mark.parametrize("path", [("folded", "text"), ("a",), ("no",), ("a", "list", "x")])
def test_what_is_not_simple_is_not_touched(path: tuple[str, ...]) -> None:
    with pytest.raises(NotEditableError):
        YamlText(TEXT).replace(path, "x")


@pytest.mark.parametrize("path", [("a", "one", "x"), ("gone", "x")])
def test_nothing_is_added_where_no_mapping_is(path: tuple[str, ...]) -> None:
    with pytest.raises(NotEditableError):
        YamlText(TEXT).insert(path, "x")


def test_a_block_does_not_go_into_braces() -> None:
    with pytest.raises(NotEditableError):
        YamlText(TEXT).insert(("b", "x2"), "x: 1\n")


@pytest.mark.parametrize(
    ("path", "comment"),
    [(("a", "one"), "# why two"), (("a", "list"), ""), (("b", "x"), None), (("no",), None)],
)
def test_comments_are_found(path: tuple[str, ...], comment: str | None) -> None:
    assert YamlText(TEXT).comment_of(path) == comment
