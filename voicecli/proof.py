"""What a client shows a server, to be let in."""

import re
from collections.abc import Mapping

TOKEN_ENV = "VOICECLI_TOKEN"
HELP = f"Proof that the server may be used. [env: {TOKEN_ENV}]"

_SEPARATOR = re.compile(r"[\s,]+")


def token(given: str | None, env: Mapping[str, str]) -> str | None:
    """The one given, or else the first of the environment: a server there may accept several, and is shown one."""
    return given or next(filter(None, _SEPARATOR.split(env.get(TOKEN_ENV, ""))), None)
