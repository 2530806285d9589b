"""The fixtures of turn-taking: what people do at the ends of their sentences, and into the sentences of others."""

from scripts.callers.recipe import Cough, Keys, Noise, Slam, Utterance
from scripts.callers.speakers import AFTER, MM_HM, UH_HUH, Speaker, echo, group, noise

CAN_DO = "I can tell you the time and the date, count as far as a hundred, repeat what you say, and tell a long story."
WHAT_TIME = "I can tell you the time and the date,"
WHO = "I am a small set of rules that learned to speak."

ROOMS = {"room-lights": Noise("brown", seed=31, snr_db=25), "room-hotel": Noise("brown", seed=32, snr_db=25)}
"""Fixtures in which the room is heard."""

RMS, SLOW, KAL, HIGH, SLT, AWB = (
    Speaker("rms"),
    Speaker("rms", stretch=1.2),
    Speaker("kal16"),
    Speaker("kal16", pitch_hz=140),
    Speaker("slt"),
    Speaker("awb"),
)

PLAIN = group(
    "turntaking/plain",
    {
        "plain-hello": (
            "A greeting, and two short questions.",
            (HIGH.says("hello"), HIGH.says("how are you", when=AFTER), HIGH.says("what can you do", when=AFTER)),
        ),
        "plain-time": (
            "Two short questions.",
            (SLT.says("what time is it"), SLT.says("tell me a joke", when=AFTER)),
        ),
        "plain-yes": (
            "A request, and a short answer.",
            (SLT.says("can you help me"), SLT.says("yes please", when=AFTER)),
        ),
        "plain-no": (
            "A question, and answers of one word.",
            (RMS.says("what is your name"), RMS.says("no", when=AFTER), RMS.says("hello", when=AFTER)),
        ),
        "plain-day": (
            "Two questions.",
            (KAL.says("what day is it"), KAL.says("where is the nearest hotel", when=AFTER)),
        ),
        "plain-thanks": (
            "A request and thanks.",
            (KAL.says("tell me something else"), KAL.says("thank you", when=AFTER)),
        ),
        "plain-music": (
            "Two requests.",
            (AWB.says("play some music"), AWB.says("i want to cancel my order", when=AFTER)),
        ),
        "plain-pizza": ("An order.", (AWB.says("i would like to order a large pizza"),)),
        "plain-remind": ("A long request.", (KAL.says("please remind me to call my mother tomorrow"),)),
        "plain-station": ("A long question.", (SLT.says("how long does it take to get to the station"),)),
        "plain-train": (
            "A long question, slowly, and a short one.",
            (SLOW.says("can you tell me what time the next train leaves"), SLOW.says("what day is it", when=AFTER)),
        ),
        "plain-wake": (
            "A request with a time, and a greeting.",
            (SLT.says("please wake me at seven in the morning"), SLT.says("hello", when=AFTER)),
        ),
        "plain-boston": (
            "A question, and a request.",
            (HIGH.says("what is the weather in boston"), HIGH.says("i want to cancel my order", when=AFTER)),
        ),
        "room-lights": ("A request over the hum of a room.", (RMS.says("turn on the lights in the kitchen", wer=0.3),)),
        "room-hotel": (
            "Two questions over the hum of a room.",
            (SLT.says("where is the nearest hotel", wer=0.4), SLT.says("what can you do", when=AFTER, wer=0.5)),
        ),
        "nobody-speaks": ("Nobody says anything.", (Utterance("", length_ms=6000, kind="silence"),)),
    },
    ROOMS,
)

PAUSES = group(
    "turntaking/pauses",
    {
        "pause-number": (
            "A number in two groups.",
            (KAL.says("my number is four one five", 600, "two six three"),),
        ),
        "pause-number-groups": (
            "A number in three groups.",
            (SLT.says("my number is four one five", 500, "two six three", 700, "nine one"),),
        ),
        "pause-because": (
            "A pause before the reason.",
            (SLT.says("i want to cancel my order because", 700, "it is too late"),),
        ),
        "pause-and": (
            "Something to add; then an order whose second half takes longer to think of.",
            (
                RMS.says("what is the weather in boston", 500, "and in london"),
                RMS.says("i would like to order a large pizza and", 800, "a small salad", when=AFTER, wer=0.2),
            ),
        ),
        "pause-date": ("A date after some thought.", (AWB.says("the date is", 700, "the third of march"),)),
        "pause-year": ("A year in two halves.", (AWB.says("it was in nineteen", 450, "eighty four"),)),
        "pause-um": (
            "Hesitations before a question and within an order.",
            (
                RMS.says("um", 500, "what day is it"),
                RMS.says("i would like", 350, "um", 500, "a large coffee", when=AFTER, wer=0.15),
            ),
        ),
        "pause-let-me-think": ("Thinking aloud.", (SLT.says("let me think", 900, "the second one"),)),
        "pause-call": ("Whom to call.", (KAL.says("please call", 600, "my mother"),)),
        "pause-comma": (
            "Pauses where a comma would stand.",
            (
                HIGH.says("if it rains tomorrow", 400, "we will stay at home"),
                HIGH.says("so", 350, "what can you do", when=AFTER),
            ),
        ),
        "pause-well": (
            "A pause after the first word.",
            (SLOW.says("well", 600, "i do not know"), SLOW.says("no", 400, "i want the other one", when=AFTER)),
        ),
        "pause-i-think": ("A pause before what is thought.", (SLT.says("i think", 550, "i want to go to london"),)),
        "pause-tell-me": ("A short pause.", (SLOW.says("can you tell me", 300, "what time it is"),)),
    },
)

BACKCHANNELS = group(
    "turntaking/backchannels",
    {
        "nod-mm-hm": ('"Mm-hm" into the reply.', (RMS.says("what can you do"), RMS.nods(1500, "mm hm", phones=MM_HM))),
        "nod-yeah": ('"Yeah" into the reply.', (SLT.says("what can you do"), SLT.nods(2200, "yeah"))),
        "nod-okay": ('"Okay" into the reply.', (KAL.says("what can you do"), KAL.nods(3100, "okay"))),
        "nod-right": ('"Right" into the reply.', (AWB.says("what can you do"), AWB.nods(1900, "right"))),
        "nod-uh-huh": (
            '"Uh-huh" into the reply.',
            (SLOW.says("what can you do"), SLOW.nods(2700, "uh huh", phones=UH_HUH)),
        ),
        "nod-i-see": ('"I see" into the reply.', (SLT.says("what can you do"), SLT.nods(4200, "i see"))),
        "nod-twice": (
            "Two signs of listening into one reply, and a question after it.",
            (
                RMS.says("what can you do"),
                RMS.nods(1100, "yeah"),
                RMS.nods(4600, "mm hm", phones=MM_HM),
                RMS.says("what time is it", when=AFTER),
            ),
        ),
    },
)

NOISES = group(
    "turntaking/noises",
    {
        "cough": ("A cough into the reply.", (RMS.says("what can you do"), noise(1700, Cough(41, voiced=0.1)))),
        "cough-hoarse": (
            "A cough with some voice in it into the reply.",
            (SLT.says("what can you do"), noise(2600, Cough(46, bursts=3, voiced=0.75))),
        ),
        "throat": (
            "Somebody clears their throat into the reply.",
            (KAL.says("what can you do"), noise(2100, Cough(49, voiced=1.0, length_ms=600))),
        ),
        "cough-once": ("One loud cough into the reply.", (RMS.says("what can you do"), noise(3300, Cough(48, 1, 0.8)))),
        "door": ("A door slams into the reply.", (AWB.says("what can you do"), noise(1400, Slam(51)))),
        "keys": ("Somebody types into the reply.", (SLT.says("what can you do"), noise(1200, Keys(61, presses=20)))),
        "noise-after-reply": (
            "A cough and a door while nobody speaks, and then a question.",
            (
                RMS.says("what time is it"),
                noise(AFTER, Cough(47, voiced=0.75), Slam(53), pauses_ms=(1500,)),
                RMS.says("what day is it", when=AFTER),
            ),
        ),
    },
)

ECHOES = group(
    "turntaking/echoes",
    {
        "echo-20db": ("The reply comes back at -20 dB.", (SLT.says("what can you do"), echo(CAN_DO, -20))),
        "echo-25db": ("The reply comes back at -25 dB.", (KAL.says("what can you do"), echo(CAN_DO, -25))),
        "echo-30db": ("The reply comes back at -30 dB.", (RMS.says("what can you do"), echo(CAN_DO, -30))),
        "echo-name": ("A short reply comes back at -20 dB.", (AWB.says("what is your name"), echo(WHO, -20))),
        "echo-then-stop": (
            "The beginning of the reply comes back at -25 dB, and then the user stops it.",
            (KAL.says("what can you do"), echo(WHAT_TIME, -25), KAL.cuts_in(4500, "please stop")),
        ),
    },
)

BARGE_INS = group(
    "turntaking/barge-ins",
    {
        "stop": ('"Stop" into a story.', (RMS.says("please tell me a long story"), RMS.cuts_in(1800, "stop"))),
        "wait": ('"Wait" into a story.', (SLT.says("please tell me a long story"), SLT.cuts_in(2900, "wait"))),
        "stop-early": (
            "A story is stopped as soon as it begins.",
            (RMS.says("please tell me a long story"), RMS.cuts_in(450, "stop talking")),
        ),
        "hold-on": (
            "A story is stopped.",
            (RMS.says("please tell me a long story"), RMS.cuts_in(3300, "hold on a moment")),
        ),
        "other-question": (
            "Another question into a story.",
            (KAL.says("please tell me a long story"), KAL.cuts_in(2600, "what time is it")),
        ),
        "something-else": (
            "Another wish into a story.",
            (SLT.says("please tell me a long story"), SLT.cuts_in(4100, "tell me something else")),
        ),
        "correction": (
            "A correction into the answer to a question.",
            (AWB.says("what is the weather in boston"), AWB.cuts_in(1200, "no i mean tomorrow")),
        ),
        "okay-but": (
            "A question into a story that begins like a sign of listening.",
            (KAL.says("please tell me a long story"), KAL.cuts_in(2000, "okay but what time is it")),
        ),
        "enough": (
            "Thanks for a story, which is enough.",
            (SLT.says("please tell me a long story"), SLT.cuts_in(5200, "that is enough thank you")),
        ),
        "no-pause": (
            "A correction with a pause in it into a reply.",
            (AWB.says("what can you do"), AWB.cuts_in(1500, "no", 400, "i want the other one")),
        ),
        "twice": (
            "A question into a story, and a word into the answer to that.",
            (
                RMS.says("please tell me a long story"),
                RMS.cuts_in(1500, "what can you do"),
                RMS.cuts_in(1300, "please stop"),
            ),
        ),
    },
)

RECIPES = (*PLAIN, *PAUSES, *BACKCHANNELS, *NOISES, *ECHOES, *BARGE_INS)
