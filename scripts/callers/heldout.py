"""Callers like those of turntaking.py on whom nothing was tuned, written without knowledge of the turn-taking rules.

Do not tune on them: when they are used up, write new ones.
"""

from scripts.callers.recipe import Cough, Keys, Noise, Slam
from scripts.callers.speakers import AFTER, MM_HM, Speaker, echo, group, noise

CAN_DO = "I can tell you the time and the date, count as far as a hundred, repeat what you say, and tell a long story."
ASK_CAN_DO = "what can you do"
"""Gets about 10 s of answer."""

STORY_PLEASE = "tell me a long story please"
STORY_WISH = "i would like to hear a story"
STORY_ASK = "can you tell me a story"
"""Each gets about 90 s of answer."""

ROOM_WER = 0.4
ROOMS = {
    "new-weather": Noise("brown", seed=81, snr_db=25),
    "new-router": Noise("brown", seed=82, snr_db=25),
    "new-music": Noise("brown", seed=83, snr_db=25),
}
"""Fixtures in which the room is heard."""

RMS_QUICK = Speaker("rms", stretch=0.9, pitch_hz=105)
RMS_LOW = Speaker("rms", stretch=1.1, pitch_hz=86)
RMS_BRIGHT = Speaker("rms", stretch=0.96, pitch_hz=118)
SLT_QUICK = Speaker("slt", stretch=0.88, pitch_hz=215)
SLT_SLOW = Speaker("slt", stretch=1.2, pitch_hz=193)
SLT_HIGH = Speaker("slt", stretch=1.06, pitch_hz=236)
AWB_QUICK = Speaker("awb", stretch=0.92, pitch_hz=148)
AWB_SLOW = Speaker("awb", stretch=1.16, pitch_hz=124)
AWB_HIGH = Speaker("awb", stretch=1.05, pitch_hz=158)
KAL_QUICK = Speaker("kal16", stretch=0.93, pitch_hz=126)
KAL_SLOW = Speaker("kal16", stretch=1.18, pitch_hz=112)
KAL_HIGH = Speaker("kal16", stretch=1.07, pitch_hz=147)

PLAIN = group(
    "heldout/plain",
    {
        "new-train": (
            "A question about a departure.",
            (RMS_QUICK.says("when does the next train to london leave"),),
        ),
        "new-balance": (
            "A wish, and the answer to what was asked back.",
            (SLT_QUICK.says("i would like to check my balance"), SLT_QUICK.says("the savings account", when=AFTER)),
        ),
        "new-lights": (
            "A command for the home.",
            (AWB_QUICK.says("turn off the lights in the kitchen"),),
        ),
        "new-table": (
            "A question, a time, and a wish without a verb.",
            (
                KAL_SLOW.says("do you have a table for two tonight"),
                KAL_SLOW.says("around half past seven", when=AFTER),
                KAL_SLOW.says("by the window please", when=AFTER),
            ),
        ),
        "new-parcel": (
            "A complaint, and what belongs to it.",
            (SLT_SLOW.says("my parcel has not arrived yet"), SLT_SLOW.says("i ordered it two weeks ago", when=AFTER)),
        ),
        "new-card": (
            "A statement that asks for help.",
            (AWB_SLOW.says("i lost my credit card this morning"),),
        ),
        "new-dentist": (
            "A polite question, and thanks.",
            (
                RMS_LOW.says("can i see the dentist on monday instead"),
                RMS_LOW.says("that works for me thank you", when=AFTER),
            ),
        ),
        "new-weather": (
            "A yes-or-no question, in a room.",
            (KAL_HIGH.says("is it going to rain tomorrow", wer=ROOM_WER),),
        ),
        "new-timer": (
            "A command, and its correction.",
            (AWB_HIGH.says("set a timer for twenty minutes"), AWB_HIGH.says("make that twenty five", when=AFTER)),
        ),
        "new-customer-number": (
            "A statement that ends in digits.",
            (RMS_BRIGHT.says("my customer number is four seven one nine two"),),
        ),
        "new-refund": (
            "A question, and a polite tail.",
            (
                SLT_HIGH.says("how long does a refund usually take"),
                SLT_HIGH.says("okay good to know", when=AFTER),
            ),
        ),
        "new-plans": (
            "A question that chooses.",
            (KAL_QUICK.says("which of the two plans is cheaper"),),
        ),
        "new-heating": (
            "A soft command.",
            (SLT_SLOW.says("make it a bit warmer in here please"),),
        ),
        "new-claim": (
            "Two clauses in one breath.",
            (AWB_QUICK.says("somebody drove into my car yesterday and i want to report it"),),
        ),
        "new-museum": (
            "A question, and one that goes on from it.",
            (
                RMS_QUICK.says("what are your opening hours on sunday"),
                RMS_QUICK.says("and how much is a ticket", when=AFTER),
            ),
        ),
        "new-birthday": (
            "A statement that ends in a year.",
            (KAL_HIGH.says("my date of birth is the third of march nineteen eighty"),),
        ),
        "new-hotel": (
            "A need, with how long and from when.",
            (SLT_QUICK.says("i need a room for three nights starting on friday"),),
        ),
        "new-human": (
            "An order.",
            (RMS_LOW.says("let me talk to a real person"),),
        ),
        "new-pizza": (
            "An order without a verb, its end, and a refusal.",
            (
                AWB_HIGH.says("two large pizzas with mushrooms please"),
                AWB_HIGH.says("that is all", when=AFTER),
                AWB_HIGH.says("no i will pick it up myself", when=AFTER),
            ),
        ),
        "new-router": (
            "A complaint, and an answer to advice, in a room.",
            (
                RMS_BRIGHT.says("the internet has been down since last night", wer=ROOM_WER),
                RMS_BRIGHT.says("yes i already tried that", when=AFTER, wer=ROOM_WER),
            ),
        ),
        "new-capital": (
            "A question of knowledge.",
            (AWB_SLOW.says("what is the capital of australia"),),
        ),
        "new-goodbye": (
            "Thanks and a farewell.",
            (KAL_QUICK.says("you have been very helpful have a nice day"),),
        ),
        "new-alarm": (
            "A command not to do something.",
            (SLT_HIGH.says("do not wake me before eight tomorrow"),),
        ),
        "new-flight": (
            "A question that compares.",
            (RMS_QUICK.says("is there an earlier flight than the one at nine"),),
        ),
        "new-saturday": (
            "A question, and one word.",
            (KAL_SLOW.says("could you deliver it on saturday"), KAL_SLOW.says("wonderful", when=AFTER)),
        ),
        "new-music": (
            "A command for the home, in a room.",
            (SLT_SLOW.says("play some quiet music in the living room", wer=ROOM_WER),),
        ),
    },
    ROOMS,
)

PAUSES = group(
    "heldout/pauses",
    {
        "new-pause-because": (
            "After a conjunction.",
            (AWB_QUICK.says("i am calling because", 620, "my washing machine stopped working"),),
        ),
        "new-pause-phone": (
            "Between the groups of a phone number.",
            (RMS_BRIGHT.says("my number is zero one seven two", 480, "five five three", 410, "nine eight four one"),),
        ),
        "new-pause-appointment": (
            "After a statement that could have been all.",
            (SLT_QUICK.says("i want to change my appointment", 700, "from tuesday to thursday afternoon"),),
        ),
        "new-pause-bill": (
            "After a greeting, and within a price.",
            (
                KAL_HIGH.says("good morning", 540, "i have a question about my last bill"),
                KAL_HIGH.says("it says sixty two dollars and", 350, "forty cents", when=AFTER),
            ),
        ),
        "new-pause-article": (
            "After an article.",
            (RMS_LOW.says("could you tell me where the", 560, "nearest pharmacy is"),),
        ),
        "new-pause-filler": (
            "After a filler.",
            (SLT_SLOW.says("i would like um", 900, "the vegetable soup and a salad"),),
        ),
        "new-pause-address": (
            "Within an address, and after what could have been all of it.",
            (AWB_SLOW.says("my address is twenty four", 450, "garden street", 380, "in boston"),),
        ),
        "new-pause-condition": (
            "After a question that could have been all.",
            (KAL_QUICK.says("what does it cost", 600, "if i only stay for one night"),),
        ),
        "new-pause-radio": (
            "After a command that could have been all.",
            (AWB_HIGH.says("turn on the radio", 640, "in the bedroom"),),
        ),
        "new-pause-spelled": (
            "Before a name is spelled.",
            (SLT_HIGH.says("my last name is brown", 580, "b r o w n"),),
        ),
        "new-pause-relative": (
            "Before a relative clause.",
            (RMS_QUICK.says("i am looking for the jacket", 500, "that was in your window last week"),),
        ),
        "new-pause-correction": (
            "In a correction of oneself.",
            (SLT_QUICK.says("book it for wednesday no", 300, "for thursday i mean"),),
        ),
        "new-pause-dates": (
            "Within a date, and after a preposition.",
            (
                KAL_SLOW.says(
                    "we arrive on the twenty first of", 570, "august and stay until", 680, "the fourth of september"
                ),
            ),
        ),
        "new-pause-taxi": (
            "After prepositions.",
            (
                RMS_BRIGHT.says("i need a taxi from the airport to", 760, "the central station"),
                RMS_BRIGHT.says("at about", 470, "quarter past ten", when=AFTER),
            ),
        ),
        "new-pause-glasses": (
            "Between two clauses, and after a hesitant beginning.",
            (
                AWB_SLOW.says("the delivery came this morning", 830, "but two of the glasses are broken"),
                AWB_SLOW.says("well you could", 390, "send me two new ones", when=AFTER),
            ),
        ),
        "new-pause-transfer": (
            "Within an amount, and before the object.",
            (
                SLT_HIGH.says("transfer two hundred and", 440, "fifty dollars to my savings account"),
                SLT_HIGH.says("and then tell me the", 360, "new balance", when=AFTER),
            ),
        ),
    },
)

BACKCHANNELS = group(
    "heldout/backchannels",
    {
        "new-nod-okay": (
            "One word.",
            (SLT_QUICK.says(ASK_CAN_DO), SLT_QUICK.nods(1800, "okay")),
        ),
        "new-nod-hum": (
            "A hum.",
            (RMS_LOW.says(ASK_CAN_DO), RMS_LOW.nods(2400, "mm hm", phones=MM_HM)),
        ),
        "new-nod-right": (
            "Two nods, not alike.",
            (AWB_SLOW.says(ASK_CAN_DO), AWB_SLOW.nods(1500, "right"), AWB_SLOW.nods(4600, "i see")),
        ),
        "new-nod-yeah": (
            "One word.",
            (KAL_HIGH.says(ASK_CAN_DO), KAL_HIGH.nods(3100, "yeah")),
        ),
        "new-nod-nice": (
            "Two words that praise.",
            (SLT_SLOW.says(ASK_CAN_DO), SLT_SLOW.nods(2700, "oh nice")),
        ),
        "new-nod-got-it": (
            "Two nods, the first of them early.",
            (AWB_QUICK.says(ASK_CAN_DO), AWB_QUICK.nods(1000, "got it"), AWB_QUICK.nods(3900, "sure")),
        ),
        "new-nod-ah": (
            "Two words, late.",
            (KAL_SLOW.says(ASK_CAN_DO), KAL_SLOW.nods(5000, "ah okay")),
        ),
    },
)

NOISES = group(
    "heldout/noises",
    {
        "new-noise-cough": (
            "A short cough.",
            (RMS_QUICK.says(ASK_CAN_DO), noise(1600, Cough(201, bursts=1, voiced=0.3, length_ms=260))),
        ),
        "new-noise-fit": (
            "A fit of coughing.",
            (SLT_HIGH.says(ASK_CAN_DO), noise(2900, Cough(202, bursts=3, voiced=0.7, length_ms=380))),
        ),
        "new-noise-doors": (
            "Two doors.",
            (KAL_QUICK.says(ASK_CAN_DO), noise(2200, Slam(203), Slam(204), pauses_ms=(700,))),
        ),
        "new-noise-letter": (
            "Somebody types a lot.",
            (AWB_HIGH.says(ASK_CAN_DO), noise(1200, Keys(205, presses=18))),
        ),
        "new-noise-desk": (
            "A few keys, and later a cough without voice.",
            (
                RMS_BRIGHT.says(ASK_CAN_DO),
                noise(1500, Keys(206, presses=5)),
                noise(4800, Cough(207, bursts=4, voiced=0.1, length_ms=210)),
            ),
        ),
        "new-noise-throat": (
            "A throat is cleared.",
            (SLT_SLOW.says(ASK_CAN_DO), noise(3500, Cough(208, bursts=1, voiced=1.0, length_ms=450))),
        ),
        "new-noise-between": (
            "A door, a cough and keys while nobody speaks, between two questions.",
            (
                AWB_QUICK.says("how far is it to the beach"),
                noise(
                    AFTER,
                    Slam(209),
                    Cough(210, bursts=3, voiced=0.4, length_ms=280),
                    Keys(211, presses=7),
                    pauses_ms=(900, 1200),
                ),
                AWB_QUICK.says("is there a bus that goes there", when=AFTER),
            ),
        ),
    },
)

ECHOES = group(
    "heldout/echoes",
    {
        "new-echo-loud": (
            "A loudspeaker close to the microphone.",
            (KAL_HIGH.says(ASK_CAN_DO), echo(CAN_DO, -20)),
        ),
        "new-echo-middle": (
            "A loudspeaker across the table.",
            (RMS_LOW.says(ASK_CAN_DO), echo(CAN_DO, -25)),
        ),
        "new-echo-quiet": (
            "A loudspeaker that is hardly heard.",
            (AWB_SLOW.says(ASK_CAN_DO), echo(CAN_DO, -30)),
        ),
        "new-echo-interrupted": (
            "A loudspeaker, and then an interruption.",
            (SLT_QUICK.says(ASK_CAN_DO), echo(CAN_DO, -23), SLT_QUICK.cuts_in(7600, "tell me the time then")),
        ),
    },
)

BARGE_INS = group(
    "heldout/barge-ins",
    {
        "new-barge-stop": (
            "An order.",
            (RMS_QUICK.says(STORY_PLEASE), RMS_QUICK.cuts_in(1200, "please stop talking")),
        ),
        "new-barge-wait": (
            "An order, early.",
            (SLT_HIGH.says(STORY_WISH), SLT_HIGH.cuts_in(600, "wait a second")),
        ),
        "new-barge-date": (
            "Another question.",
            (AWB_HIGH.says(STORY_ASK), AWB_HIGH.cuts_in(3000, "what is the date today")),
        ),
        "new-barge-short": (
            "A correction.",
            (KAL_QUICK.says(STORY_PLEASE), KAL_QUICK.cuts_in(2400, "no i meant a short one")),
        ),
        "new-barge-milk": (
            "Agreement that goes on with something else.",
            (SLT_SLOW.says(STORY_ASK), SLT_SLOW.cuts_in(4100, "yes and can you also order some milk")),
        ),
        "new-barge-excuse": (
            "A polite interruption.",
            (AWB_SLOW.says(STORY_WISH), AWB_SLOW.cuts_in(2000, "excuse me could i ask you something")),
        ),
        "new-barge-booking": (
            "Data.",
            (RMS_BRIGHT.says(STORY_ASK), RMS_BRIGHT.cuts_in(3500, "my booking number is eight three five two")),
        ),
        "new-barge-door": (
            "An order, a pause, and the reason.",
            (KAL_HIGH.says(STORY_WISH), KAL_HIGH.cuts_in(2800, "hold on", 520, "there is somebody at the door")),
        ),
        "new-barge-twice": (
            "A question into the story, and an order into its answer.",
            (
                SLT_QUICK.says(STORY_PLEASE),
                SLT_QUICK.cuts_in(1800, ASK_CAN_DO),
                SLT_QUICK.cuts_in(2600, "count to five please"),
            ),
        ),
        "new-barge-leave": (
            "A polite interruption, late.",
            (AWB_QUICK.says(STORY_PLEASE), AWB_QUICK.cuts_in(5500, "sorry to interrupt but i have to leave now")),
        ),
        "new-barge-ending": (
            "Agreement that goes on with a question.",
            (RMS_LOW.says(STORY_ASK), RMS_LOW.cuts_in(4700, "right but what happens in the end")),
        ),
        "new-barge-volume": (
            "A command for the home.",
            (KAL_SLOW.says(STORY_WISH), KAL_SLOW.cuts_in(900, "turn down the volume")),
        ),
        "new-barge-dislike": (
            "A statement.",
            (SLT_HIGH.says(STORY_ASK), SLT_HIGH.cuts_in(3300, "i do not like this one")),
        ),
        "new-barge-bill": (
            "Another wish, and then data after the reply to it.",
            (
                AWB_HIGH.says(STORY_PLEASE),
                AWB_HIGH.cuts_in(1500, "actually i want to pay my phone bill first"),
                AWB_HIGH.says("from my checking account", when=AFTER),
            ),
        ),
    },
)

RECIPES = (*PLAIN, *PAUSES, *BACKCHANNELS, *NOISES, *ECHOES, *BARGE_INS)
