"""Identities in their one written form, and whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.identities.domain import EMAIL, EXTERNAL_ID, OPENID, PHONE, IdentityInvalidError, identity


@pytest.mark.parametrize(
    ("text", "region", "written"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("+86 138-0013-8000", "GB", "+8613800138000"),
        ("0086 13800138000", "CN", "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("(212) 555-0123", "US", "+12125550123"),
    ],
)
def test_phone_numbers_have_one_written_form(text: str, region: str, written: str) -> None:
    assert identity(PHONE, text, region=region).value == written


@pytest.mark.parametrize("text", ["", "1", "abc", "+", "+999999999999999", "138\u000000138000", "1" * 41])
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(IdentityInvalidError):
        identity(PHONE, text, region="CN")


@pytest.mark.parametrize("text", ["Wang@Example.COM", " wang@example.com ", "WANG@EXAMPLE.COM"])
def test_email_addresses_differ_by_more_than_case(text: str) -> None:
    assert identity(EMAIL, text, region="CN").value == "wang@example.com"


@pytest.mark.parametrize("text", ["a", "a@b", "@example.com", "a@@example.com", "a..b@example.com", "a@example..com"])
def test_what_is_no_email_address_is_refused(text: str) -> None:
    with pytest.raises(IdentityInvalidError):
        identity(EMAIL, text, region="CN")


def test_openids_are_kept_as_they_are() -> None:
    assert identity(OPENID, "oABC-1_x", region="CN").value == "oABC-1_x"
    with pytest.raises(IdentityInvalidError):
        identity(OPENID, "有", region="CN")


def test_external_ids_belong_to_their_system() -> None:
    one = identity(EXTERNAL_ID, " 77 ", region="CN", system="//shop-1")
    assert (one.value, one.system) == ("77", "//shop-1")


@given(st.sampled_from([PHONE, EMAIL, OPENID, EXTERNAL_ID]), st.text(max_size=300))
def test_any_text_is_written_or_refused_and_writing_twice_changes_nothing(kind: str, text: str) -> None:
    try:
        written = identity(kind, text, region="CN", system="s")
    except IdentityInvalidError:
        return
    assert identity(kind, written.value, region="CN", system="s") == written
