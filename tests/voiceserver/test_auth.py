import base64
import hmac
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.auth import JwtAuth, JwtKey, Open, TokenAuth, authenticator
from voiceserver.settings import AuthMode, ServerSettings, SettingsError
from voicewire.clock import utc_now
from voicewire.errors import ErrorCode, ProtocolError

SECRET = "0123456789abcdef" * 2
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65_537, 2048)
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def public(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private(key: Private) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a good token; None takes one out."""
    good: dict[str, Any] = {"aud": "voice", "exp": utc_now() + timedelta(minutes=5), "sub": "ada"}
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(key: Any = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm)


def refusal(auth: Open | TokenAuth | JwtAuth, token: str | None) -> str:
    with pytest.raises(ProtocolError) as refused:
        auth.check(token)
    assert (refused.value.code, refused.value.close_code) == (ErrorCode.UNAUTHORIZED, 1008)
    assert (refused.value.field, refused.value.fatal) == ("token", True)
    if token:
        assert len(token) < 20 or token not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return refused.value.message


def test_without_authentication_everybody_is_let_in() -> None:
    for token in (None, "", "anything"):
        Open().check(token)


def test_each_of_several_tokens_is_accepted() -> None:
    auth = TokenAuth(["first", "zweites-ä"])
    auth.check("first")
    auth.check("zweites-ä")


@pytest.mark.parametrize("token", ["First", "firs", "first ", "second", "\ud800", "x" * 8192])
def test_another_token_is_not(token: str) -> None:
    assert refusal(TokenAuth(["first"]), token) == "the token is not accepted"


@pytest.mark.parametrize("token", [None, ""])
def test_a_token_that_is_missing_is_told_as_such(token: str | None) -> None:
    for auth in (TokenAuth(["first"]), JwtAuth(JwtKey.of_secret(SECRET), "voice")):
        assert refusal(auth, token) == "this server asks for a token, and none was given"


def test_a_jwt_is_accepted_when_its_signature_expiry_and_audience_are_good() -> None:
    JwtAuth(JwtKey.of_secret(SECRET), "voice").check(signed())
    JwtAuth(JwtKey.of_secret(SECRET), "voice").check(signed(aud=["other", "voice"]))
    JwtAuth(JwtKey.of_public_key(public(EC_KEY)), "voice").check(signed(EC_KEY, "ES256"))
    JwtAuth(JwtKey.of_public_key(public(RSA_KEY)), "voice").check(signed(RSA_KEY, "RS256"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"exp": utc_now() - timedelta(seconds=60)}, "the token has expired; get a new one"),
        ({"nbf": utc_now() + timedelta(hours=5)}, "the token is not valid yet"),
        ({"aud": "other"}, "the token is for another audience"),
        ({"aud": ["other"]}, "the token is for another audience"),
        ({"exp": None}, "the token lacks the claim exp"),
        ({"aud": None}, "the token lacks the claim aud"),
        ({"exp": "soon"}, "the token is not accepted"),
        ({"exp": float("inf")}, "the token is not accepted"),
        ({"aud": 5}, "the token is for another audience"),
    ],
    ids=str,
)
def test_a_jwt_is_refused_for_what_is_wrong_with_it(changed: dict[str, Any], told: str) -> None:
    assert refusal(JwtAuth(JwtKey.of_secret(SECRET), "voice"), signed(**changed)) == told


def test_a_clock_that_is_slightly_off_is_forgiven() -> None:
    JwtAuth(JwtKey.of_secret(SECRET), "voice").check(signed(exp=utc_now() - timedelta(seconds=3)))


def unsigned(**changed: Any) -> str:
    return jwt.encode(claims(**changed), "", algorithm="none")


def test_a_token_does_not_choose_its_algorithm() -> None:
    of_secret = JwtAuth(JwtKey.of_secret(SECRET), "voice")
    of_key = JwtAuth(JwtKey.of_public_key(public(RSA_KEY)), "voice")
    # The classic: the public key, which everybody has, as if it were a shared secret. PyJWT does not sign that.
    head, body = (_part(part) for part in ({"alg": "HS256", "typ": "JWT"}, {"aud": "voice", "exp": 2**33}))
    forged = f"{head}.{body}.{_encode(hmac.digest(public(RSA_KEY), f'{head}.{body}'.encode(), 'sha256'))}"
    for auth, token in [
        (of_secret, unsigned()),
        (of_key, unsigned()),
        (of_key, forged),
        (of_secret, jwt.encode(claims(), SECRET * 2, algorithm="HS512")),
        (of_key, signed(EC_KEY, "ES256")),
        (of_key, signed(rsa.generate_private_key(65_537, 2048), "RS256")),
        (of_secret, signed("another secret, also of 32 bytes")),
    ]:
        assert refusal(auth, token) == "the token is not accepted"


def _part(value: object) -> str:
    return _encode(json.dumps(value).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@given(st.text() | st.text("abcdefgh.-_=", min_size=1) | st.binary().map(lambda data: f"{_encode(data)}.e30."))
def test_what_is_no_jwt_is_refused(token: str) -> None:
    refusal(JwtAuth(JwtKey.of_secret(SECRET), "voice"), token)


# --- which it is, from the settings


def test_on_loopback_everybody_is_let_in_unless_something_else_is_given() -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert isinstance(authenticator(ServerSettings(host=host)), Open)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_is_given_says_how_it_is_meant(host: str) -> None:
    assert isinstance(authenticator(ServerSettings(host=host, token=("a",))), TokenAuth)
    assert isinstance(authenticator(ServerSettings(host=host, jwt_secret=SECRET, jwt_audience="v")), JwtAuth)
    open_to_all = ServerSettings(host=host, token=("a",), auth=AuthMode.NONE, insecure_no_auth=True)
    assert isinstance(authenticator(open_to_all), Open)


REFUSED = [
    (
        {"host": "0.0.0.0"},
        "other machines can reach 0.0.0.0, so say who may use the server: --token (or VOICECLI_TOKEN), --auth jwt, "
        "or --auth none --insecure-no-auth for everybody",
    ),
    (
        {"host": "0.0.0.0", "insecure_no_auth": True},
        "other machines can reach 0.0.0.0, so say who may use the server: --token (or VOICECLI_TOKEN), --auth jwt, "
        "or --auth none --insecure-no-auth for everybody",
    ),
    (
        {"host": "::", "auth": AuthMode.NONE},
        "--auth none would let everybody who can reach :: use this server; "
        "give --insecure-no-auth too if that is meant",
    ),
    ({"auth": AuthMode.TOKEN}, "--auth token needs a token to accept: VOICECLI_TOKEN or --token"),
    (
        {"auth": AuthMode.JWT},
        "--auth jwt needs either --jwt-public-key or VOICECLI_JWT_SECRET (--jwt-secret)",
    ),
    (
        {"jwt_secret": SECRET, "jwt_public_key": "k.pem"},
        "--auth jwt needs either --jwt-public-key or VOICECLI_JWT_SECRET (--jwt-secret)",
    ),
    ({"jwt_secret": SECRET}, "--auth jwt needs --jwt-audience, the `aud` that tokens for this server have"),
    ({"jwt_secret": "hush", "jwt_audience": "v"}, "--jwt-secret: must be at least 32 bytes, random ones"),
    (
        {"jwt_public_key": "no/such.pem", "jwt_audience": "v"},
        "--jwt-public-key: no/such.pem: No such file or directory",
    ),
]


@pytest.mark.parametrize(("given_", "sentence"), REFUSED)
def test_settings_that_do_not_say_who_may_use_it_are_refused(given_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        authenticator(ServerSettings(**given_))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (b"", "holds no public key in PEM form (-----BEGIN PUBLIC KEY-----)"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "holds no public key in PEM form"),
        (private(EC_KEY), "holds a private key, which belongs to the app that signs; give the public one"),
        (public(ed25519.Ed25519PrivateKey.generate()), "holds another key than RSA of 2048 bits and more"),
        (public(ec.generate_private_key(ec.SECP384R1())), "holds another key than RSA of 2048 bits and more"),
        (public(rsa.generate_private_key(65_537, 1024)), "holds another key than RSA of 2048 bits and more"),
    ],
)
def test_a_file_that_is_no_key_to_check_with_is_told(pem: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    with pytest.raises(SettingsError) as refused:
        authenticator(ServerSettings(jwt_public_key=str(path), jwt_audience="voice"))
    assert str(refused.value).startswith(f"--jwt-public-key: {path}: {told}")


@pytest.mark.parametrize(("missing", "given_"), [("jwt", "secret"), ("cryptography", "key")])
def test_without_the_extra_it_says_what_to_install(missing: str, given_: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(public(EC_KEY))
    settings = f"jwt_public_key={str(path)!r}" if given_ == "key" else f"jwt_secret={SECRET!r}"
    program = f"""
import sys
sys.modules[{missing!r}] = None
from voiceserver.auth import authenticator
from voiceserver.settings import ServerSettings, SettingsError
try:
    authenticator(ServerSettings({settings}, jwt_audience="voice"))
except SettingsError as error:
    print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert ended.stdout.startswith(f"--auth jwt needs the library {missing}")
    assert ended.stdout.endswith("which is not installed: pip install 'voicecli[jwt]'\n")
