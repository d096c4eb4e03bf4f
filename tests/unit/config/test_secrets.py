"""Secrets come by reference, stay out of every text, and can be rotated."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otai_freshdesk.config.errors import ConfigFileError, SecretError
from otai_freshdesk.config.params import AdapterParams
from otai_freshdesk.config.secrets import Secret, is_reference


def test_from_ssm_and_anew_after_a_rotation(ssm: Any) -> None:
    put = ssm.put_parameter
    put(Name="/otai/key", Value="first", Type="SecureString")
    secret = Secret("ssm:/otai/key")
    assert secret.get() == "first"
    put(Name="/otai/key", Value="second", Type="SecureString", Overwrite=True)

    assert secret.get() == "first"  # cached
    assert secret.get(refresh=True) == "second"


def test_a_missing_parameter_is_named(ssm: Any) -> None:
    with pytest.raises(SecretError, match="/otai/nowhere"):
        Secret("ssm:/otai/nowhere").get()


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", " value \n")

    assert Secret("env:A_KEY").get() == "value"
    with pytest.raises(SecretError, match="ANOTHER_KEY"):
        Secret("env:ANOTHER_KEY").get()


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("value\n", encoding="utf-8")

    assert Secret(f"file:{path}").get() == "value"
    path.write_bytes(b"\xef\xbb\xbfvalue\r\n")  # as Windows' editor saves it
    assert Secret(f"file:{path}").get() == "value"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(SecretError, match="empty"):
        Secret(f"file:{path}").get()
    with pytest.raises(SecretError, match="missing"):
        Secret(f"file:{tmp_path}/missing").get()


def test_parameters_are_attributes_and_their_repr_hides_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FD_KEY", "sup3r-s3cret")
    params = AdapterParams({"freshdesk_domain": "acme", "freshdesk_api_key": "env:FD_KEY"})

    assert params.freshdesk_domain == "acme"
    assert params.freshdesk_api_key == "sup3r-s3cret"
    assert "sup3r" not in repr(params)
    assert getattr(params, "rate_limit_share", None) is None


def test_the_documented_env_var_form_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FD_KEY", "sup3r-s3cret")
    params = AdapterParams({"freshdesk_api_key_env_var": "FD_KEY"})

    assert params.freshdesk_api_key == "sup3r-s3cret"
    assert params.secret("freshdesk_api_key").get(refresh=True) == "sup3r-s3cret"


def test_a_missing_secret_parameter_is_named() -> None:
    with pytest.raises(ConfigFileError, match="freshdesk_api_key"):
        AdapterParams({}).secret("freshdesk_api_key")


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=20, max_size=40))
def test_a_key_is_not_taken_for_a_reference(text: str) -> None:
    if not text.startswith(("ssm:", "env:", "file:")):
        assert not is_reference(text)
