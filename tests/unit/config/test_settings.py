"""config.yml: what it may say, and how it complains."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.application.triage import Mode
from otai_freshdesk.config.errors import ConfigFileError
from otai_freshdesk.config.settings import Settings, load_settings, parse_settings
from otai_freshdesk.domain.ticket import GROUP, PRIORITY, TYPE

ROOT = Path(__file__).parents[3]
MINIMAL = b"""
open_ticket_ai:
  system: {params: {freshdesk_domain: acme, freshdesk_api_key: "env:KEY"}}
  triage:
    from: "2026-11-01T00:00:00Z"
"""


def parse(text: str | bytes, **environment: str) -> Settings:
    return parse_settings(text.encode() if isinstance(text, str) else text, environment)


def test_the_deployed_configuration_is_valid() -> None:
    settings = load_settings(ROOT / "functions" / "config.yml", {})

    assert settings.triage.mode is Mode.SHADOW
    assert set(settings.triage.fields) == {GROUP, TYPE, PRIORITY}
    assert settings.triage.fields[GROUP].labels["automated_mail"] is None


def test_defaults_route_by_queue_and_respect_a_raised_priority() -> None:
    settings = parse(MINIMAL)

    assert settings.triage.fields[PRIORITY].undecided == ("Low",)
    assert settings.sweep.look_back == timedelta(hours=72)
    assert settings.triage.automated is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "open_ticket_ai"),
        ("open_ticket_ai: []", "keys and values"),
        ("other: {}", "open_ticket_ai"),
        ("open_ticket_ai: {triage: {form: live}}", "triage.form"),
        ("open_ticket_ai: {triage: {mode: on}}", "triage.mode"),
        ("open_ticket_ai: {triage: {from: 2026-11-01}}", "triage.from"),
        ("open_ticket_ai: {triage: {from: '2026-11-01T00:00:00'}}", "triage.from"),
        ("open_ticket_ai: {triage: {fields: {queue: {target: queue}}}}", "triage.fields"),
        ("open_ticket_ai: {triage: {fields: {group: {target: q, min_confidence: 1.5}}}}", "min_"),
        ("open_ticket_ai: {sweep: {look_back: three days}}", "look_back"),
        ("open_ticket_ai: {sweep: {cursor: memory}}", "triage.from"),
        ("open_ticket_ai: {tags: {unsure: this-tag-is-longer-than-thirty-two-chars}}", "unsure"),
        ("open_ticket_ai: {system: {params: {freshdesk_api_key: abc123}}}", "freshdesk_api_key"),
        ("open_ticket_ai: {webhook: {secret: hunter2}}", "webhook.secret"),
        ("open_ticket_ai: {a: &x [1], b: *x}", "aliases"),
        ("open_ticket_ai: [", "line 1"),
        ("open_ticket_ai: !!python/object/apply:os.system [ls]", "YAML"),
        ("open_ticket_ai: \x00", "YAML"),
    ],
)
def test_a_wrong_configuration_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("webhook: {deadline: -5}", "webhook.deadline"),
        ("webhook: {deadline: 8}", "a whole number and its unit"),
        ("webhook: {deadline: true}", "a whole number and its unit"),
        ("webhook: {deadline: 1:30}", "a whole number and its unit"),
        ("webhook: {deadline: ²s}", "a whole number and its unit"),
        ("sweep: {look_back: 72}", "sweep.look_back"),
        ("sweep: {look_back: '72'}", "sweep.look_back"),
        ("sweep: {park_after: 1}", "sweep.park_after"),
        ("triage: {from: 2026}", "a date and time with zone"),
        ("triage: {from: '2026'}", "a date and time with zone"),
        ("triage: {from: 20261201}", "a date and time with zone"),
        ("triage: {from: '20261201'}", "a date and time with zone"),
        ("triage: {from: 1796083200.5}", "a date and time with zone"),
        ("triage: {from: true}", "a date and time with zone"),
        ("triage: {fields: {group: {target: queue, labels: {a: ''}}}}", "null"),
        ("triage: {fields: {group: {target: queue, labels: {a: ' '}}}}", "null"),
        ("triage: {fields: {group: {target: queue, undecided: ['']}}}", "null"),
        ('tags: {unsure: "a\\nb"}', "tags.unsure"),
        ('tags: {unsure: "a\\0b"}', "tags.unsure"),
        ('tags: {unsure: "\\0"}', "tags.unsure"),
        ("tags: {unsure: 'unsure '}", "tags.unsure"),
        ("system: {params: {freshdesk_domain: 123}}", "freshdesk_domain must be text"),
        ("system: {params: {freshdesk_url: [1]}}", "freshdesk_url must be text"),
        ("system: {params: {freshdesk_api_key_env_var: 1}}", "freshdesk_api_key_env_var"),
        ("webhook: {deadline: 0s}", "webhook.deadline"),
        ("webhook: {deadline: .inf}", "webhook.deadline"),
        ("webhook: {deadline: 9999999d}", "webhook.deadline"),
        ("sweep: {overlap: -P1D}", "sweep.overlap"),
        ("sweep: {overlap: 3651d}", "sweep.overlap"),
        ("sweep: {look_back: -1}", "sweep.look_back"),
        ("sweep: {look_back: 99999999999999999d}", "sweep.look_back"),
        ("sweep: {look_back: 99999999999999999999999s}", "sweep.look_back"),
        ("system: {params: {rate_limit_share: '0.4'}}", "rate_limit_share"),
        ("system: {params: {rate_limit_share: true}}", "rate_limit_share"),
        ("system: {params: {rate_limit_share: [0.4]}}", "rate_limit_share"),
        ("system: {params: {rate_limit_share: 1.0}}", "rate_limit_share"),
        ("system: {params: {rate_limit_share: .nan}}", "rate_limit_share"),
        ("system: {params: {rate_limit_shre: 0.4}}", "rate_limit_shre"),
        ("sweep: {look_back: 72h, overlap: 5m, look_back: 24h}", "'look_back'"),
        ("sweep: {look_back: 72h}\n  sweep: {look_back: 24h}", "'sweep' stands twice"),
        ("triage: {fields: {group: {target: queue, labels: {a: X, b: Y, a: Z}}}}", "'a'"),
        ("triage: {fields: {group: {target: queue, labels: {a: No}}}}", "text in quotes only"),
    ],
)
def test_a_value_nobody_can_mean_is_refused_by_its_key(section: str, key: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        parse(f"open_ticket_ai:\n  {section}\n")
    assert str(caught.value).startswith("config.yml")
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("section", "variable", "key"),
    [
        ("system: acme", {"OTAI_FRESHDESK_DOMAIN": "acme"}, "system"),
        ("system: {params: [acme]}", {"OTAI_FRESHDESK_DOMAIN": "acme"}, "system.params"),
        ("triage: live", {"OTAI_MODE": "live"}, "triage"),
        ("sweep: false", {"OTAI_CURSOR": "memory"}, "sweep"),
        ("sweep: 0", {"OTAI_SWEEP_BULK": "false"}, "sweep"),
    ],
)
def test_a_variable_hides_no_section_of_a_wrong_type(
    section: str, variable: dict[str, str], key: str
) -> None:
    with pytest.raises(ConfigFileError, match=f"config.yml: {key} must hold keys and values"):
        parse(f"open_ticket_ai: {{{section}}}", **variable)


def test_a_variable_fills_an_empty_section() -> None:
    assert parse(MINIMAL.decode() + "  sweep:\n", OTAI_CURSOR="file:x").sweep.cursor == "file:x"


@pytest.mark.parametrize("text", ["2026", "20261201", "1796083200", "now"])
def test_a_start_in_a_variable_is_a_date_too(text: str) -> None:
    with pytest.raises(ConfigFileError, match="a date and time with zone"):
        parse(MINIMAL.decode(), OTAI_TRIAGE_FROM=text)


@pytest.mark.parametrize(
    "text", ["2026-12-01T08:00:00Z", "2026-12-01 09:00:00+01:00", "'2026-12-01T08:00Z'"]
)
def test_a_start_with_its_zone_is_that_moment(text: str) -> None:
    settings = parse(f"open_ticket_ai: {{triage: {{from: {text}}}}}")

    assert settings.triage.switched_on == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_a_tag_may_have_blanks_within() -> None:
    assert parse(MINIMAL.decode() + "  tags: {unsure: not sure}\n").tags.unsure == "not sure"


def test_durations_at_their_ends() -> None:
    text = (
        MINIMAL.decode() + "  webhook: {deadline: 1s}\n  sweep: {look_back: 3650d, overlap: 0s}\n"
    )
    settings = parse(text)

    assert settings.webhook.deadline == timedelta(seconds=1)
    assert (settings.sweep.look_back, settings.sweep.overlap) == (timedelta(3650), timedelta())


def test_another_ticket_system_has_parameters_of_its_own() -> None:
    text = MINIMAL.decode().replace(
        "system: {params: {", "system: {provider_key: AcmeDesk, params: {desk_shape: 1, "
    )
    assert parse(text).system.params["desk_shape"] == 1


@pytest.mark.parametrize("key", ["freshdesk_api_key", "some_token", "a_password", "x_secret"])
def test_a_secret_in_clear_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        parse(f"open_ticket_ai: {{system: {{params: {{{key}: sup3r-s3cret}}}}}}")
    assert key in str(caught.value)
    assert "sup3r" not in str(caught.value)


def test_a_yaml_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    with pytest.raises(ConfigFileError, match="aliases"):
        parse("\n".join(lines))


def test_deep_nesting_and_huge_files_are_refused() -> None:
    for text in ("[" * 5000, "a: " + "x" * 300_000):
        with pytest.raises(ConfigFileError):
            parse(text)


def test_the_environment_lies_over_the_file_and_empty_values_do_not_count() -> None:
    settings = parse(MINIMAL, OTAI_MODE="live", OTAI_CURSOR="", OTAI_FRESHDESK_DOMAIN="other")

    assert settings.triage.mode is Mode.LIVE
    assert settings.sweep.cursor == "memory"
    assert settings.system.params["freshdesk_domain"] == "other"


def test_the_marker_names_bundle_and_configuration() -> None:
    settings = parse(MINIMAL)
    stricter = parse(
        MINIMAL.decode() + "    fields: {group: {target: queue, min_confidence: 0.9}}\n"
    )

    assert settings.marker("bundle-1") == settings.marker("bundle-1")
    assert settings.marker("bundle-1") != settings.marker("bundle-2")
    assert settings.marker("bundle-1") != stricter.marker("bundle-1")
    assert len(settings.marker("bundle-1")) <= 32


def test_switching_shadow_to_live_keeps_the_marker() -> None:
    assert parse(MINIMAL).marker("b") == parse(MINIMAL, OTAI_MODE="live").marker("b")


def test_a_bare_off_means_off() -> None:
    assert parse(MINIMAL.decode() + "    mode: off\n").triage.mode is Mode.OFF


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"nowhere\.yml"):
        load_settings(tmp_path / "nowhere.yml", os.environ)


@given(st.binary(max_size=400))
def test_any_bytes_are_settings_or_a_named_error(raw: bytes) -> None:
    try:
        parse_settings(raw, {})
    except ConfigFileError as error:
        assert str(error).startswith("config.yml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["system", "triage", "fields", "group", "labels", "mode", "sweep"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_yaml_is_settings_or_a_named_error(document: object) -> None:
    try:
        parse_settings(yaml.safe_dump({"open_ticket_ai": document}).encode(), {})
    except ConfigFileError as error:
        assert str(error).startswith("config.yml")


def test_note_and_shadow_tag_are_off_by_default() -> None:
    settings = parse(MINIMAL)

    assert settings.triage.note is False
    assert settings.triage.shadow_tag is None
    assert settings.sweep_settings().bulk


def test_with_notes_tickets_go_singly() -> None:
    settings = parse(MINIMAL.replace(b"triage:", b"triage:\n    note: true"))

    assert settings.triage.note
    assert not settings.sweep_settings().bulk


@pytest.mark.parametrize(("mode", "tag"), [("shadow", "otai-shadow"), ("live", None)])
def test_only_shadow_mode_knows_the_shadow_tag(mode: str, tag: str | None) -> None:
    text = MINIMAL.replace(b"triage:", b"triage:\n    shadow_tag: otai-shadow")
    settings = parse(text, OTAI_MODE=mode)
    assert settings.triage.switched_on is not None

    assert settings.policy("bundle", settings.triage.switched_on).shadow_tag == tag


def test_neither_note_nor_shadow_tag_changes_the_marker() -> None:
    text = MINIMAL.replace(b"triage:", b"triage:\n    note: true\n    shadow_tag: otai-shadow")

    assert parse(text).marker("bundle") == parse(MINIMAL).marker("bundle")


@pytest.mark.parametrize(
    "line", ["triage: {shadow_tag: otai-0ddba1}", "tags: {unsure: OTAI-DECADE}"]
)
def test_no_tag_may_look_like_a_marker(line: str) -> None:
    text = f"open_ticket_ai: {{sweep: {{cursor: 'file:state'}}, {line}}}"
    with pytest.raises(ConfigFileError, match="taken for a marker"):
        parse(text)
