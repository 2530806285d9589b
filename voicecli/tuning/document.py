"""The document of `voicecli tune --json`: `voicecli.tune/1`. What is not known is absent, never 0 or null.

The same fixtures and settings give the same bytes: all of it was computed on a virtual clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voicecli import __version__
from voicecli.tuning.cutoffs import Cut, UtteranceResult
from voicecli.tuning.pareto import Figures, chosen, figures, front
from voicecli.tuning.sweep import Parameter, Setting, Value, shown, title
from voicewire.messages import EngineInfo

SCHEMA: Literal["voicecli.tune/1"] = "voicecli.tune/1"


class UtteranceDocument(Struct, frozen=True, kw_only=True):
    text: str
    start_ms: float
    """Of `audio.wav`: its first sound."""
    end_ms: float
    """Its last sound."""


class FixtureDocument(Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    """SHA-256 of the audio file that was sent."""
    script: str
    """SHA-256 of its session and utterances, without what they expect."""
    utterances: dict[int, UtteranceDocument]
    """Those that are speech, by their number from 0."""


class SettingDocument(Struct, frozen=True, kw_only=True):
    values: dict[str, Value]
    on_front: bool
    """No other setting cuts off fewer and waits no longer, or the other way round."""
    figures: Figures
    utterances: tuple[UtteranceResult, ...]

    @property
    def setting(self) -> Setting:
        return tuple(self.values.items())


class Tuning(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: Literal["voicecli.tune/1"] = msgspec.field()
    voicecli: str
    tolerance: float
    """Share of the utterances that may be cut off."""
    engines: dict[str, EngineInfo]
    """`vad` and `stt`, without what was swept."""
    sweep: dict[str, tuple[Value, ...]]
    fixtures: tuple[FixtureDocument, ...]
    settings: tuple[SettingDocument, ...]
    chosen: int | UnsetType = UNSET
    """The setting to choose, by its place from 0; absent where none keeps the tolerance."""
    current: int | UnsetType = UNSET
    """The setting that the server has anyway; absent where it was not tried."""

    def serialize(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def text(self, cut: UtteranceResult) -> str:
        fixture = next(fixture for fixture in self.fixtures if fixture.name == cut.fixture)
        return fixture.utterances[cut.utterance].text

    @property
    def names(self) -> list[str]:
        return list(self.sweep)

    def label(self, index: int) -> str:
        """Short: the value of the one setting that is swept; of several, the number of the row."""
        values = self.settings[index].values
        return shown(next(iter(values.values()))) if len(values) == 1 else f"#{index + 1}"

    def title(self, index: int) -> str:
        return title(self.settings[index].setting)


class CutUtterance(Struct, frozen=True, kw_only=True):
    """An utterance that is cut off, as it is by the setting to choose, or else by the slowest one of the front."""

    fixture: str
    utterance: int
    text: str
    setting: int
    cut: Cut
    """The first of it."""
    by_chosen: bool
    """Also the setting to choose does."""
    of_settings: int
    """So many of all settings do."""


def tuning(
    parameters: Sequence[Parameter],
    settings: Sequence[Setting],
    results: Sequence[Sequence[UtteranceResult]],
    fixtures: Sequence[FixtureDocument],
    engines: Mapping[str, EngineInfo],
    tolerance: float,
    in_effect: Mapping[str, object],
) -> Tuning:
    """`results` are of each setting."""
    all_figures = [figures(each) for each in results]
    best = set(front(all_figures))
    choice = chosen(all_figures, tolerance)
    anyway = next((index for index, setting in enumerate(settings) if dict(setting) == in_effect), None)
    return Tuning(
        schema=SCHEMA,
        voicecli=__version__,
        tolerance=tolerance,
        engines=dict(engines),
        sweep={parameter.name: parameter.values for parameter in parameters},
        fixtures=tuple(fixtures),
        settings=tuple(
            SettingDocument(values=dict(setting), on_front=index in best, figures=each, utterances=tuple(of_setting))
            for index, (setting, each, of_setting) in enumerate(zip(settings, all_figures, results, strict=True))
        ),
        chosen=UNSET if choice is None else choice,
        current=UNSET if anyway is None else anyway,
    )


def cut_utterances(document: Tuning) -> list[CutUtterance]:
    """Each utterance that a setting of the front cuts off, or the one to choose; the hardest to hear out first."""
    candidates = [index for index, each in enumerate(document.settings) if each.on_front or index == document.chosen]
    candidates.sort(key=lambda index: (index != document.chosen, -_waiting_ms(document, index), -index))
    found: dict[tuple[str, int], tuple[int, UtteranceResult]] = {}
    for index in candidates:
        for result in document.settings[index].utterances:
            if result.is_cut:
                found.setdefault((result.fixture, result.utterance), (index, result))
    by_chosen = set(_cut_by(document, document.chosen)) if document.chosen is not UNSET else set()
    listed = [
        CutUtterance(
            fixture=result.fixture,
            utterance=result.utterance,
            text=document.text(result),
            setting=index,
            cut=result.cuts[0],
            by_chosen=key in by_chosen,
            of_settings=sum(key in _cut_by(document, other) for other in range(len(document.settings))),
        )
        for key, (index, result) in found.items()
    ]
    return sorted(listed, key=lambda each: (not each.by_chosen, -_waiting_ms(document, each.setting)))


def _cut_by(document: Tuning, index: int) -> Iterator[tuple[str, int]]:
    return ((each.fixture, each.utterance) for each in document.settings[index].utterances if each.is_cut)


def _waiting_ms(document: Tuning, index: int) -> float:
    waiting_ms = document.settings[index].figures.waiting_p50_ms
    return 0.0 if waiting_ms is UNSET else waiting_ms
