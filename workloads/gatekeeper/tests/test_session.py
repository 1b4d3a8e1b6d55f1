# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions, and every known way to forge a token."""

import ast
import dataclasses
import json
import pathlib
import typing

import attacks
import pytest
from gatekeeper import answer, guard, identity, revocation, session, settings, tokens
from gatekeeper_support import NOW, options, pem

PERSON = identity.Identity(
    userid="user@example.com", groups=("a", "b"), subject="s", email="user@example.com", name="Ürsula"
)


class Known(typing.NamedTuple):
    options: settings.Settings
    sessions: session.Sessions
    ledger: revocation.Ledger
    token: str

    @property
    def pem(self) -> str:
        return self.options.signing_keys[0].pem.get_secret_value()


@pytest.fixture
def known() -> Known:
    read = options()
    ledger = revocation.Ledger()
    sessions = session.Sessions(read, ledger)
    return Known(read, sessions, ledger, sessions.mint(PERSON, NOW))


def refusal(known: Known, raw: bytes, now: float = NOW) -> str:
    with pytest.raises(tokens.RefusedError) as caught:
        known.sessions.verify(raw, now)
    return caught.value.reason


def test_a_session_says_who_somebody_is(known: Known):
    proof = known.sessions.verify(known.token.encode(), NOW)
    assert proof.identity == PERSON
    assert proof.expires == NOW + 900
    header, claims = attacks.parts(known.token)
    assert header == {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("http://127.0.0.1:8080", "kubeflow", "s")


@pytest.mark.parametrize(
    ("userid", "groups", "audience"),
    [
        ("user@example.com", (), "kubeflow"),
        ("A User ~!", ("a b", "c~"), "kubeflow"),
        ("J\u00fcrgen", (), "kubeflow-asked"),
        ("user@example.com", ("a", "\u00e9quipe"), "kubeflow-asked"),
        ("a\u00a0b", (), "kubeflow-asked"),
        # It is in no header, so that it does not matter.
        ("user@example.com", ("\u00e9quipe,b",), "kubeflow"),
    ],
)
def test_a_gateway_must_ask_about_what_it_would_write_otherwise(
    known: Known, userid: str, groups: tuple[str, ...], audience: str
):
    token = known.sessions.mint(identity.Identity(userid=userid, groups=groups), NOW)
    assert attacks.parts(token)[1]["aud"] == audience
    assert known.sessions.verify(token.encode(), NOW).identity.userid == userid


SIGNS = {"session.mint", "session.attest"}


def test_of_all_that_the_keys_of_sessions_sign_only_sessions_have_their_audience(known: Known):
    """A gateway that verifies sessions by itself looks at the audience alone."""
    found: set[str] = set()
    for file in sorted(pathlib.Path(session.__file__).parent.glob("*.py")):
        text = file.read_text()
        # The private keys are read in one place.
        assert ("pem.get_secret_value" in text) == (file.stem == "session"), file
        for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)):
            calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
            names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
            found |= {
                f"{file.stem}.{function.name}"
                for name in names
                if name in ("serialize_compact", "serialize_json", "sign")
            }
    assert found == SIGNS
    proof = known.sessions.verify(known.token.encode(), NOW)
    for person in (PERSON, identity.Identity(userid="J\u00fcrgen")):
        statement = known.sessions.attest(dataclasses.replace(proof, identity=person), NOW)
        assert attacks.parts(statement)[1]["aud"] == "kubeflow-identity"
        assert refusal(known, statement.encode()) == "token_unknown_key"


def test_the_ring_verifies_what_an_older_key_signed(known: Known):
    keys = [{"kid": "new", "pem": pem()}, {"kid": "k1", "pem": known.pem}]
    newer = session.Sessions(options(signing_keys=keys), known.ledger)
    assert newer.verify(known.token.encode(), NOW).identity == PERSON
    assert attacks.parts(newer.mint(PERSON, NOW))[0]["kid"] == "new"
    published = newer.published["keys"]
    assert [key["kid"] for key in typing.cast("list[dict[str, str]]", published)] == ["new", "k1"]
    assert '"d"' not in json.dumps(newer.published)


def test_forged_tokens_are_refused(known: Known):
    for name, token in attacks.forged(known.token, known.pem).items():
        assert refusal(known, token.encode()), name


def test_a_claim_that_stands_there_twice_is_read_by_nobody(known: Known):
    header, claims = attacks.parts(known.token)
    twice = json.dumps(claims)[:-1] + ', "userid": "root@example.com"}'
    assert refusal(known, attacks.sign_text(header, twice, known.pem)) == "token_malformed"


def test_binary_junk_is_refused(known: Known):
    for raw in (b"\xff\xfe.\x00.\x80", b"\xff" * 700, known.token.encode().replace(b".", b"\x00")):
        assert refusal(known, raw)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "token_issuer"),
        ({"aud": "somebody-else"}, "token_audience"),
        ({"aud": None}, "token_audience"),
        ({"exp": NOW}, "token_expired"),
        ({"exp": NOW - 1}, "token_expired"),
        ({"exp": None}, "token_without_end"),
        ({"exp": "tomorrow"}, "token_times"),
        ({"exp": True}, "token_times"),
        ({"exp": 10**400}, "token_times"),
        ({"iat": NOW + 3600}, "token_not_yet_valid"),
        ({"nbf": NOW + 3600}, "token_not_yet_valid"),
        ({"sid": None}, "token_without_id"),
        ({"sid": ""}, "token_without_id"),
        ({"auth_time": None}, "token_without_id"),
        ({"auth_time": "today"}, "token_without_id"),
        ({"userid": ""}, "userid_missing"),
        ({"userid": None}, "userid_missing"),
        ({"userid": "a\r\nx: y"}, "userid_unfit"),
    ],
)
def test_what_the_right_key_signed_is_read_too(known: Known, changes: dict[str, object], reason: str):
    header, claims = attacks.parts(known.token)
    assert refusal(known, attacks.sign(header, {**claims, **changes}, known.pem)) == reason


def test_what_shows_without_a_key_is_refused_without_one(monkeypatch: pytest.MonkeyPatch, known: Known):
    """A signature costs more than all else together: floods of bad tokens must not be able to ask for it."""
    looked: list[bytes] = []
    verify = tokens.verify
    monkeypatch.setattr(tokens, "verify", lambda token, *words: looked.append(token.raw) or verify(token, *words))
    header, claims = attacks.parts(known.token)
    start, body, signature = known.token.split(".")
    cheap = [
        ("token_too_long", known.token + "A" * session.LONGEST_COOKIE),
        ("token_malformed", f"{start}.{body}"),
        ("token_unknown_key", f"{attacks.b64({**header, 'kid': 'k9'})}.{body}.{signature}"),
        ("token_unknown_key", f"{attacks.b64({**header, 'typ': 'at+jwt'})}.{body}.{signature}"),
        ("token_expired", f"{start}.{attacks.b64({**claims, 'exp': NOW - 1})}.{signature}"),
        ("token_issuer", f"{start}.{attacks.b64({**claims, 'iss': 'https://evil.example'})}.{signature}"),
        ("token_audience", f"{start}.{attacks.b64({**claims, 'aud': 'kubeflow-identity'})}.{signature}"),
    ]
    for reason, token in cheap:
        assert refusal(known, token.encode()) == reason
    assert looked == []
    monkeypatch.setattr(tokens.jws, "deserialize_compact", lambda *words, **more: looked.append(b"signature"))
    other = f"{attacks.b64({**header, 'alg': 'HS256'})}.{body}.{signature}".encode()
    assert refusal(known, other) == "token_algorithm"
    assert looked == [other]


def test_a_session_ends(known: Known):
    assert known.sessions.verify(known.token.encode(), NOW + 899)
    assert refusal(known, known.token.encode(), NOW + 900) == "token_expired"


def test_an_identity_that_does_not_fit_is_refused(known: Known):
    many = identity.Identity(userid="user@example.com", groups=tuple(f"group-{n}" for n in range(200)))
    with pytest.raises(session.SessionTooLargeError):
        known.sessions.mint(many, NOW)
    assert len("authservice_session=" + known.token) <= session.LONGEST_COOKIE


def warden(known: Known, **sizes: int) -> guard.Guard:
    return guard.Guard(known.sessions, lambda proof, now: answer.Answer(status=200), **sizes)


def test_a_long_refused_token_takes_no_memory(known: Known):
    ward = warden(known, longest_refusal=100)
    assert isinstance(ward.ask(b"x" * 100, NOW), str)
    assert ward.refused() == 1
    assert isinstance(ward.ask(b"x" * 101, NOW), str)
    assert ward.refused() == 1


def test_what_is_remembered_still_ends(known: Known):
    ward = warden(known)
    raw = known.token.encode()
    assert isinstance(ward.ask(raw, NOW), guard.Pass)
    assert isinstance(ward.ask(raw, NOW + 899), guard.Pass)
    assert ward.ask(raw, NOW + 900) == "token_expired"
    assert ward.ask(raw, NOW) == "token_expired"


def test_a_revoked_session_is_refused_in_every_spelling(known: Known):
    ward = warden(known)
    header, claims = attacks.parts(known.token)
    spellings = [known.token.encode(), attacks.sign(header, claims, known.pem)]
    (proof,) = {known.sessions.verify(raw, NOW).session for raw in spellings}
    outcomes = [ward.ask(raw, NOW) for raw in spellings]
    assert all(isinstance(outcome, guard.Pass) for outcome in outcomes)
    known.ledger.on_change.append(ward.forget)
    known.ledger.add([revocation.Record(kind="session", id=proof, expires=int(NOW) + 1000)], NOW)
    assert [ward.ask(raw, NOW) for raw in spellings] == ["session_revoked"] * 2


def test_memory_is_bounded_and_bad_tokens_push_no_good_one_out(known: Known):
    ward = warden(known, passes=3, refusals=5)
    good = [known.sessions.mint(PERSON, NOW).encode() for _ in range(3)]
    kept = [ward.ask(raw, NOW) for raw in good]
    for number in range(100):
        assert isinstance(ward.ask(b"bad-%d" % number, NOW), str)
    assert (ward.proven(), ward.refused()) == (3, 5)
    assert all(ward.ask(raw, NOW) is old for raw, old in zip(good, kept, strict=True))
    ward.ask(known.token.encode(), NOW)
    assert (ward.proven(), ward.refused()) == (3, 5)
    ward.ask(b"x" * 10_000, NOW)
    assert (ward.proven(), ward.refused()) == (3, 5)


@pytest.mark.parametrize("userid", ["a b@example.com", "Jürgen", "x" * 320])
def test_user_ids_that_a_header_can_carry(userid: str):
    assert identity.Identity(userid=userid).userid == userid


@pytest.mark.parametrize("userid", ["a\nb", " root", "root ", "用户", "a\x00", "a\x85b", "x" * 321, "\u00a0root"])
def test_user_ids_that_a_header_would_change_are_refused(userid: str):
    with pytest.raises(identity.IdentityError, match="userid_unfit"):
        identity.Identity(userid=userid)


def test_groups_in_one_header():
    assert identity.Identity(userid="u", groups=()).group_list == ""
    # A comma would make other groups of a name's parts.
    assert identity.Identity(userid="u", groups=("a", "b,admins", "c")).group_list == "a,c"
    with pytest.raises(identity.IdentityError, match="group_unfit"):
        identity.Identity(userid="u", groups=("a\r\nx: y",))
