"""The fixtures at the top of the folder, each of which shows one thing."""

from scripts.callers.recipe import Noise, Recipe, Say, Utterance

TURN = ("speech_started", "speech_stopped", "transcript_final", "turn_end")
LONG_STORY = Utterance("please tell me a long story", (Say("please tell me a long story", "rms"),))

RECIPES = (
    Recipe(
        name="question-weather",
        description="One clean question.",
        utterances=(
            Utterance(
                "what will the weather be like in london tomorrow",
                (Say("what will the weather be like in london tomorrow", "kal16"),),
            ),
        ),
        turns=1,
        events=TURN,
    ),
    Recipe(
        name="conversation-three-turns",
        description="A greeting and two requests, each said once the reply before it has been heard.",
        utterances=(
            Utterance("hello there", (Say("hello there", "rms"),)),
            Utterance("what time is it", (Say("what time is it", "rms"),), when="after_reply"),
            Utterance(
                "can you please count to five", (Say("can you please count to five", "rms"),), when="after_reply"
            ),
        ),
        turns=3,
        events=TURN * 3,
    ),
    Recipe(
        name="pause-700ms",
        description="One utterance with a pause of 700 ms in it, to a server that waits 1000 ms: one turn.",
        utterances=(
            Utterance(
                "good morning what time is it",
                (Say("good morning", "rms"), Say("what time is it", "rms")),
                pauses_ms=(700,),
            ),
        ),
        turns=1,
        events=TURN,
        turn_detection={"silence_ms": 1000},
        budgets_ms={"voice_to_voice": 3500},
    ),
    Recipe(
        name="barge-in",
        description="Another question, 1.5 s into the reply to the first: the reply stops.",
        utterances=(
            LONG_STORY,
            Utterance(
                "what time is it",
                (Say("what time is it", "rms"),),
                when="into_reply",
                into_reply_ms=1500,
                expect={"cancels_reply": True},
            ),
        ),
        turns=2,
        events=(*TURN[:3], "speech_started", "reply_cancelled", *TURN[1:]),
        budgets_ms={"voice_to_voice": 3000, "barge_in_stop": 1000},
    ),
    Recipe(
        name="backchannel",
        description='"Mm-hm", 1.5 s into a reply, to a server that stops for 700 ms of speech: the reply goes on.',
        utterances=(
            Utterance("can you please count to twelve", (Say("can you please count to twelve", "rms"),)),
            Utterance(
                "mm hm",
                (Say("pau m hh m pau", "rms", phones=True),),
                kind="backchannel",
                when="into_reply",
                into_reply_ms=1500,
                expect={"reply": False, "cancels_reply": False},
            ),
        ),
        turns=1,
        events=TURN,
        turn_detection={"barge_in_ms": 700},
    ),
    Recipe(
        name="noise-10db",
        description="One question over the rumble of a car, 10 dB below the speech.",
        utterances=(
            Utterance("what can you do for me", (Say("what can you do for me", "kal16"),), expect={"max_wer": 0.35}),
        ),
        turns=1,
        events=TURN,
        noise=Noise("brown", seed=10, snr_db=10),
        background="brown noise, 10 dB SNR",
    ),
    Recipe(
        name="silence",
        description="Five seconds in which nobody speaks: no turn.",
        utterances=(Utterance("", length_ms=5000, kind="silence"),),
        turns=0,
        events=(),
        budgets_ms={},
        noise=Noise("white", seed=5, level_dbfs=-70),
        background="white noise, -70 dBFS, as of a quiet microphone",
    ),
    Recipe(
        name="monologue-20s",
        description="Seven sentences without a pause of more than 300 ms, the last one a question: one turn.",
        utterances=(
            Utterance(
                "good morning my name is john and i live in boston"
                " prices rose by three percent in the last year"
                " this morning the president said that the economy is growing"
                " analysts said that interest rates will fall next month"
                " the company said it would sell its bonds to the public"
                " we went to the market and bought some bread and milk"
                " so my question is this what can you do",
                (
                    Say("good morning my name is john and i live in boston", "kal16"),
                    Say("prices rose by three percent in the last year", "kal16"),
                    Say("this morning the president said that the economy is growing", "kal16"),
                    Say("analysts said that interest rates will fall next month", "kal16"),
                    Say("the company said it would sell its bonds to the public", "kal16"),
                    Say("we went to the market and bought some bread and milk", "kal16"),
                    Say("so my question is this what can you do", "kal16"),
                ),
                pauses_ms=(300,),
            ),
        ),
        turns=1,
        events=TURN,
        # Above 300 ms, so that the sentences stay one turn.
        turn_detection={"silence_ms": 800},
        budgets_ms={"voice_to_voice": 4000},
    ),
    Recipe(
        name="numbers",
        description="A number of seven digits.",
        utterances=(
            Utterance(
                "my number is four one five two six three",
                (Say("my number is four one five two six three", "kal16"),),
            ),
        ),
        turns=1,
        events=TURN,
    ),
)
