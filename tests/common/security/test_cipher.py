"""Personal data opens for its member and purpose, survives rotation, and is gone after erasure."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events.event import new_id
from common.security.cipher import Cipher, PersonalDataErasedError
from common.security.masterkeys import (
    MasterKeyMissingError,
    MasterKeys,
    SealBrokenError,
    decode,
    encode,
    new_master_key,
)
from common.storage import Database

OLD, NEW = new_master_key(), new_master_key()
FIELDS = {"name": "王芳", "phone": "+8613800000000"}


@pytest.fixture
def cipher() -> Cipher:
    return Cipher(MasterKeys.parse(f"k1:{OLD}"))


async def test_what_is_sealed_opens_again(database: Database, cipher: Cipher) -> None:
    member_id = new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal(tx, member_id, FIELDS)
    async with database.transaction() as tx:
        assert await cipher.open(tx, member_id, sealed.box) == FIELDS
    assert "王" not in sealed.box
    assert "138" not in decode(sealed.box).decode("latin-1")


async def test_a_member_has_one_key_and_each_box_is_different(database: Database, cipher: Cipher) -> None:
    member_id = new_id()
    async with database.transaction() as tx:
        first, second = await cipher.seal(tx, member_id, FIELDS), await cipher.seal(tx, member_id, FIELDS)
        assert await tx.fetch_value("SELECT count(*) FROM data_keys") == 1
    assert first.key == second.key
    assert first.box != second.box


async def test_a_box_opens_for_nobody_else_and_for_no_other_purpose(database: Database, cipher: Cipher) -> None:
    mine, yours = new_id(), new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal_many(tx, {mine: FIELDS, yours: FIELDS}, purpose="profile")
        with pytest.raises(SealBrokenError):
            await cipher.open(tx, yours, sealed[mine].box, purpose="profile")
        with pytest.raises(SealBrokenError):
            await cipher.open(tx, mine, sealed[mine].box, purpose="payment")
        await tx.execute("DELETE FROM data_keys WHERE member_id = :id", {"id": yours})
        await cipher.adopt(tx, {yours: sealed[mine].key})
        with pytest.raises(SealBrokenError):
            await cipher.open(tx, yours, sealed[mine].box, purpose="profile")


async def test_changed_and_foreign_boxes_are_refused(database: Database, cipher: Cipher) -> None:
    member_id = new_id()
    async with database.transaction() as tx:
        box = decode((await cipher.seal(tx, member_id, FIELDS)).box)
        changed = box[:20] + bytes([box[20] ^ 1]) + box[21:]
        for wrong in (encode(changed), encode(box[:-1]), encode(b"\x01"), "", "!", "é", encode(b"\x02" + box[1:])):
            with pytest.raises(SealBrokenError):
                await cipher.open(tx, member_id, wrong)


async def test_five_hundred_members_in_three_statements(database: Database, cipher: Cipher) -> None:
    members = {new_id(): {"name": f"member {number}"} for number in range(500)}
    async with database.transaction() as tx:
        sealed = await cipher.seal_many(tx, members)
        opened = await cipher.open_many(tx, {member_id: one.box for member_id, one in sealed.items()})
    assert opened == members
    assert len({one.key for one in sealed.values()}) == 500


async def test_two_who_seal_for_a_new_member_at_once_agree_on_the_key(database: Database, cipher: Cipher) -> None:
    member_id = new_id()

    async def seal() -> str:
        async with database.transaction() as tx:
            await asyncio.sleep(0.01)
            return (await cipher.seal(tx, member_id, FIELDS)).key

    assert len(set(await asyncio.gather(*(seal() for _ in range(4))))) == 1


async def test_another_service_adopts_the_key_from_an_event(database: Database, cipher: Cipher) -> None:
    member_id = new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal(tx, member_id, FIELDS)
        await tx.execute("DELETE FROM data_keys")
        await cipher.adopt(tx, {member_id: sealed.key})
        await cipher.adopt(tx, {member_id: sealed.key})
        assert await cipher.open(tx, member_id, sealed.box) == FIELDS
        with pytest.raises(SealBrokenError):
            await cipher.adopt(tx, {member_id: "rubbish"})


async def test_erased_is_erased(database: Database, cipher: Cipher) -> None:
    member_id, other = new_id(), new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal_many(tx, {member_id: FIELDS, other: FIELDS})
        await cipher.destroy(tx, member_id)
    async with database.transaction() as tx:
        with pytest.raises(PersonalDataErasedError):
            await cipher.open(tx, member_id, sealed[member_id].box)
        with pytest.raises(PersonalDataErasedError):
            await cipher.seal(tx, member_id, FIELDS)
        assert list(await cipher.open_many(tx, {key: one.box for key, one in sealed.items()})) == [other]
        assert list(await cipher.seal_many(tx, {member_id: FIELDS, other: FIELDS})) == [other]


async def test_an_event_that_comes_after_the_erasure_brings_nothing_back(database: Database, cipher: Cipher) -> None:
    member_id = new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal(tx, member_id, FIELDS)
        await tx.execute("DELETE FROM data_keys")
        await cipher.destroy(tx, member_id)  # this service had not even heard of the member
        await cipher.adopt(tx, {member_id: sealed.key})
        with pytest.raises(PersonalDataErasedError):
            await cipher.open(tx, member_id, sealed.box)


async def test_master_keys_rotate_without_touching_the_data(database: Database, cipher: Cipher) -> None:
    members = {new_id(): FIELDS for _ in range(12)}
    erased = new_id()
    async with database.transaction() as tx:
        sealed = await cipher.seal_many(tx, {**members, erased: FIELDS})
        await cipher.destroy(tx, erased)
    both = Cipher(MasterKeys.parse(f"k2:{NEW},k1:{OLD}"))
    counts: list[int] = []
    while not counts or counts[-1]:
        async with database.transaction() as tx:
            counts.append(await both.rewrap(tx, limit=5))
    assert counts == [5, 5, 2, 0]
    only_new = Cipher(MasterKeys.parse(f"k2:{NEW}"))
    async with database.transaction() as tx:
        assert await only_new.open_many(tx, {key: sealed[key].box for key in members}) == members
        with pytest.raises(MasterKeyMissingError, match="k2"):
            await cipher.open(tx, next(iter(members)), sealed[next(iter(members))].box)
        with pytest.raises(PersonalDataErasedError):
            await only_new.open(tx, erased, sealed[erased].box)


async def test_one_broken_key_does_not_keep_the_others_from_rotating(database: Database, cipher: Cipher) -> None:
    members = {new_id(): FIELDS for _ in range(3)}
    async with database.transaction() as tx:
        await cipher.seal_many(tx, members)
        await tx.execute(
            "UPDATE data_keys SET wrapped = set_byte(wrapped, 20, 0) || '\\x00' WHERE member_id = :id",
            {"id": min(members)},
        )
        both = Cipher(MasterKeys.parse(f"k2:{NEW},k1:{OLD}"))
        assert await both.rewrap(tx) == 2
        with pytest.raises(SealBrokenError):
            await both.rewrap(tx)


async def test_nothing_is_asked_of_the_database_for_nobody(database: Database, cipher: Cipher) -> None:
    async with database.transaction() as tx:
        assert await cipher.seal_many(tx, {}) == {}
        assert await cipher.open_many(tx, {}) == {}
        await cipher.adopt(tx, {})
        await cipher.destroy(tx)


def test_the_blind_index_outlives_rotation(cipher: Cipher) -> None:
    phone = cipher.blind_index("+8613800000000", field="phone")
    assert len(phone) == 32
    assert Cipher(MasterKeys.parse(f"k2:{NEW},k1:{OLD}")).blind_index("+8613800000000", field="phone") == phone
    dropped = Cipher(MasterKeys.parse(f"k2:{NEW}"), index_key=decode(OLD))
    assert dropped.blind_index("+8613800000000", field="phone") == phone
    assert cipher.blind_index("+8613800000000", field="card") != phone
    assert cipher.blind_index("+8613800000001", field="phone") != phone
    assert Cipher(MasterKeys.parse(f"k1:{NEW}")).blind_index("+8613800000000", field="phone") != phone


def test_the_blind_index_takes_composed_and_decomposed_letters_for_the_same(cipher: Cipher) -> None:
    assert cipher.blind_index("é@x.cn") == cipher.blind_index("e\u0301@x.cn")


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_a_master_key_sealed_opens_only_for_what_it_was_about(secret: bytes, about: bytes) -> None:
    masters = MasterKeys.parse(f"k1:{OLD}")
    sealed = masters.seal(secret, about=about)
    assert masters.open(sealed, about=about) == secret
    assert masters.key_id_of(sealed) == "k1"
    with pytest.raises(SealBrokenError):
        masters.open(sealed, about=about + b"x")


@given(st.binary(max_size=100))
def test_rubbish_was_sealed_by_no_master_key(sealed: bytes) -> None:
    with pytest.raises(SealBrokenError):
        MasterKeys.parse(f"k1:{OLD}").open(sealed, about=b"")


@given(st.binary(max_size=100))
def test_base64url_comes_back_padded_or_not(data: bytes) -> None:
    text = encode(data)
    assert decode(text) == data
    assert decode(text + "=" * (-len(text) % 4)) == data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("k1", "part 1"),
        (f"k1:{OLD},k2", "part 2"),
        ("k1:!!", "base64url"),
        ("k1:AAAA", "3 bytes"),
        (f"k1:{OLD},k1:{NEW}", "twice"),
        (f":{OLD}", "1 to 64"),
    ],
    ids=["empty", "no key", "second", "no base64", "short", "twice", "no name"],  # the keys differ in every process
)
def test_wrong_master_keys_are_named_without_telling_them(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        MasterKeys.parse(text)
    assert OLD not in str(caught.value)
