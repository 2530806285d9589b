"""Who may use the server: everybody, who shows a token, or whom the app that embeds it vouches for."""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from voiceserver.network import is_loopback
from voiceserver.settings import AuthMode, ServerSettings, SettingsError
from voicewire.errors import ErrorCode, ProtocolError

LEEWAY_S = 10
"""How far the clock of whoever signed a JWT may be off."""

MIN_SECRET_BYTES = 32
"""A shorter HS256 secret can be guessed from any token signed with it (RFC 7518, section 3.2)."""


class Authenticator(Protocol):
    def check(self, token: str | None) -> None:
        """Raises ProtocolError (`unauthorized`, fatal), with a sentence that the client is told."""


class Open:
    """Everybody who can reach the server may use it."""

    def check(self, token: str | None) -> None:
        pass


class TokenAuth:
    """Who shows one of the tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    def check(self, token: str | None) -> None:
        shown = _digest(_needed(token))
        # All are compared, so that the time tells neither which one it is nor how much of it is right.
        if not any([hmac.compare_digest(shown, digest) for digest in self._digests]):  # noqa: C419
            raise unauthorized("the token is not accepted")


class JwtKey(NamedTuple):
    """What signatures are checked with. The algorithm is the key's: a token does not choose it."""

    algorithm: str
    key: Any

    @classmethod
    def of_secret(cls, secret: str) -> "JwtKey":
        """Raises ValueError."""
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes, random ones")
        return cls("HS256", secret.encode())

    @classmethod
    def of_public_key(cls, pem: bytes) -> "JwtKey":
        """Raises ValueError, or ModuleNotFoundError where cryptography is not installed."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if b"PRIVATE KEY" in pem:
            raise ValueError("holds a private key, which belongs to the app that signs; give the public one")
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("holds no public key in PEM form (-----BEGIN PUBLIC KEY-----)") from None
        if isinstance(key, RSAPublicKey) and key.key_size >= 2048:
            return cls("RS256", key)
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            return cls("ES256", key)
        raise ValueError("holds another key than RSA of 2048 bits and more (RS256) or EC P-256 (ES256)")


class JwtAuth:
    """Who shows a JSON Web Token that was signed for this audience and has not expired."""

    def __init__(self, key: JwtKey, audience: str) -> None:
        """Raises ModuleNotFoundError where PyJWT is not installed."""
        import jwt

        self._jwt = jwt
        self._key = key
        self._audience = audience

    def check(self, token: str | None) -> None:
        jwt, token = self._jwt, _needed(token)
        try:
            jwt.decode(
                token,
                self._key.key,
                algorithms=[self._key.algorithm],
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise unauthorized("the token has expired; get a new one") from None
        except jwt.ImmatureSignatureError:
            raise unauthorized("the token is not valid yet") from None
        except jwt.InvalidAudienceError:
            raise unauthorized("the token is for another audience") from None
        except jwt.MissingRequiredClaimError as error:
            raise unauthorized(f"the token lacks the claim {error.claim}") from None
        # PyJWT lets some of the claims' own errors through, such as an expiry of Infinity.
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError):
            raise unauthorized("the token is not accepted") from None


def authenticator(settings: ServerSettings) -> Authenticator:
    """Raises SettingsError, which says what to give."""
    match auth_mode(settings):
        case AuthMode.NONE:
            return Open()
        case AuthMode.TOKEN:
            if not settings.token:
                raise SettingsError("--auth token needs a token to accept: VOICECLI_TOKEN or --token")
            return TokenAuth(settings.token)
        case AuthMode.JWT:
            return _jwt_auth(settings)


def unauthorized(message: str) -> ProtocolError:
    return ProtocolError(ErrorCode.UNAUTHORIZED, message, field="token", fatal=True)


def auth_mode(settings: ServerSettings) -> AuthMode:
    """What is asked for, or follows from what is given. Everybody may use it only where that is asked for in so many
    words, or where nobody else can reach it. Raises SettingsError."""
    reachable = not is_loopback(settings.host)
    if settings.auth is AuthMode.NONE and reachable and not settings.insecure_no_auth:
        raise SettingsError(
            f"--auth none would let everybody who can reach {settings.host} use this server; "
            "give --insecure-no-auth too if that is meant"
        )
    if settings.auth is not None:
        return settings.auth
    if settings.token:
        return AuthMode.TOKEN
    if settings.jwt_secret or settings.jwt_public_key:
        return AuthMode.JWT
    if reachable:
        raise SettingsError(
            f"other machines can reach {settings.host}, so say who may use the server: --token (or VOICECLI_TOKEN), "
            "--auth jwt, or --auth none --insecure-no-auth for everybody"
        )
    return AuthMode.NONE


def _jwt_auth(settings: ServerSettings) -> JwtAuth:
    if (settings.jwt_secret is None) == (settings.jwt_public_key is None):
        raise SettingsError("--auth jwt needs either --jwt-public-key or VOICECLI_JWT_SECRET (--jwt-secret)")
    if not settings.jwt_audience:
        raise SettingsError("--auth jwt needs --jwt-audience, the `aud` that tokens for this server have")
    try:
        return JwtAuth(_jwt_key(settings), settings.jwt_audience)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--auth jwt needs the library {error.name}, which is not installed: pip install 'voicecli[jwt]'"
        ) from None


def _jwt_key(settings: ServerSettings) -> JwtKey:
    if settings.jwt_public_key is None:
        assert settings.jwt_secret is not None
        try:
            return JwtKey.of_secret(settings.jwt_secret)
        except ValueError as error:
            raise SettingsError(f"--jwt-secret: {error}") from None
    path = settings.jwt_public_key
    try:
        return JwtKey.of_public_key(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"--jwt-public-key: {path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"--jwt-public-key: {path}: {error}") from None


def _needed(token: str | None) -> str:
    if not token:
        raise unauthorized("this server asks for a token, and none was given")
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
