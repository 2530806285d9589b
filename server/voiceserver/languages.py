"""The small words of turn-taking, language by language: what people say while they think, to show that they listen, to
stop whoever speaks, and where nobody ends a sentence.

Of a language that is not here, only the sounds that are the same everywhere are known. English sentences are judged by
grammar too (`completeness.py`).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from voiceserver.words import Words, word_list, words_of

SOUNDS = word_list("ah aha ahh ha hah haha heh hm hmm huh hum mhm mm mmhm mmhmm mmm oh ooh uhhuh uhuh wow")
"""What listeners make of no word, in any language."""


class Language(NamedTuple):
    hesitations: frozenset[str] = word_list("hm hmm mm")
    """Sounds made while thinking: they ask nothing, and more follows."""
    goes_on: frozenset[str] = frozenset()
    """A sentence does not end with one of these, or rarely."""
    digits: frozenset[str] = frozenset()
    """Zero to nine, as they are dictated."""
    nods: frozenset[str] = frozenset()
    """Words that show that one listens, alone or together: "yeah, okay"."""
    nod_phrases: frozenset[Words] = frozenset()
    """The same, in two words."""
    nothing_yet: frozenset[str] = frozenset()
    """Words that say nothing alone: more comes, or the recogniser heard a hum."""
    orders: frozenset[Words] = frozenset()
    """What begins so is meant for the one who answers: one or two words."""
    courtesies: frozenset[str] = frozenset()
    """What may stand before an order."""


def _phrases(text: str) -> frozenset[Words]:
    """Of a list with commas between them."""
    return frozenset(words_of(phrase) for phrase in text.split(","))


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "en": Language(
            hesitations=word_list("ah eh em er erm hm hmm mm uh uhm um"),
            goes_on=word_list("""
                a an the my your his her its our their this these those some any every each another
                and or but so because if when while although though unless until whether since then
                of to from for with at by as into onto than between during without within about under per via
                i he she we they i'm i'd i'll i've you're you'd you'll he's she's we're we'd we'll we've they're
                it's that's there's
                am was were be been being has have had does did would could should will shall can may might must
                don't doesn't didn't can't couldn't won't wouldn't isn't aren't wasn't
                very really quite rather too also just only maybe perhaps like which who whose where what how why
                please tell give make let want need gonna wanna
                """),
            digits=word_list("zero oh one two three four five six seven eight nine double triple"),
            nods=word_list(
                "alright cool exactly good great indeed interesting nice okay ok right sure true yea yeah yep yes yup"
            ),
            nod_phrases=_phrases("i see, got it, of course, all right, very good, go on"),
            nothing_yet=word_list("a an and but i'm ma'am so the to"),
            orders=_phrases("stop, wait, no, cancel, quiet, enough, hold on, shut up"),
            courtesies=word_list("please"),
        ),
        "de": Language(
            hesitations=word_list("äh ähm ehm eh hm hmm mm öh öhm"),
            goes_on=word_list("""
                und oder aber sondern denn weil dass ob wenn falls obwohl während bevor nachdem damit
                dem des einen einem einer eines mein meine meinen meinem meiner dein deine seine ihre unser unsere
                im am vom beim ins zum zur für von bis ohne gegen wegen zwischen ganz also etwa ungefähr
                """),
            digits=word_list("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
            nods=word_list("""
                ja jaja jo jup genau okay ok gut klar sicher stimmt richtig verstehe verstanden achso echt
                wirklich schön super toll prima interessant
                """),
            nod_phrases=_phrases("ach so, ach ja, alles klar, ich verstehe, na klar, sehr gut, ganz genau"),
            nothing_yet=word_list("und aber so der die das also"),
            orders=_phrases("stop, stopp, halt, warte, warten sie, moment, nein, ruhe, genug, abbrechen, hör auf"),
            courtesies=word_list("bitte"),
        ),
        "fr": Language(
            hesitations=word_list("euh heu eh hein hm hmm mm"),
            goes_on=word_list("""
                et ou mais donc car parce que dont si lorsque puisque pendant comme
                le les un une des du de au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet
                cette ces à dans pour sur par chez sans vers entre
                je tu voudrais voudrait aimerais très environ
                """),
            digits=word_list("zéro un deux trois quatre cinq six sept huit neuf"),
            nods=word_list("""
                oui ouais ok okay bien bon d'accord voilà exact exactement super parfait certes vraiment entendu compris
                """),
            nod_phrases=_phrases("je vois, c'est ça, bien sûr, très bien, ah bon, en effet, ça marche"),
            nothing_yet=word_list("et mais alors donc le la les"),
            orders=_phrases(
                "stop, arrête, arrêtez, attends, attendez, non, silence, assez, annule, annulez, taistoi, tais toi"
            ),
            courtesies=word_list("s'il te vous plaît"),
        ),
        "es": Language(
            hesitations=word_list("eh em hm hmm mm"),
            goes_on=word_list("""
                y e o u pero porque que si cuando donde como aunque mientras
                el la los las un una unos unas mi mis tu tus su sus nuestro nuestra
                de del a al en con por para sin sobre entre hacia desde hasta quisiera muy
                """),
            digits=word_list("cero uno dos tres cuatro cinco seis siete ocho nueve"),
            nods=word_list("""
                sí si ya claro vale ok okay bueno bien exacto perfecto genial correcto cierto ajá entiendo entendido
                """),
            nod_phrases=_phrases("por supuesto, muy bien, de acuerdo, ya veo, así es, claro que"),
            nothing_yet=word_list("y pero pues el la los"),
            orders=_phrases("para, pare, alto, espera, espere, no, silencio, basta, cancela, cancele, cállate"),
            courtesies=word_list("por favor"),
        ),
        "it": Language(
            hesitations=word_list("eh ehm em hm hmm mm"),
            goes_on=word_list("""
                e ed o oppure ma però che se mentre il lo la i gli le un uno una
                di del dello della dei degli delle a al allo alla ai in nel nella con per sul sulla tra fra da dal
                vorrei circa
                """),
            digits=word_list("zero uno due tre quattro cinque sei sette otto nove"),
            nods=word_list("""
                sì si certo ok okay bene giusto esatto perfetto capito capisco vero davvero bello ottimo
                """),
            nod_phrases=_phrases("va bene, ho capito, d'accordo, di certo, molto bene"),
            nothing_yet=word_list("e ma allora il la"),
            orders=_phrases("stop, ferma, fermati, aspetta, aspetti, no, silenzio, basta, annulla, zitto"),
            courtesies=word_list("per favore"),
        ),
        "pt": Language(
            hesitations=word_list("eh hã hm hmm mm"),
            goes_on=word_list("""
                e ou mas porque que se embora enquanto o a os as um uma uns umas
                de do da dos das em no na nos nas ao à com por para sem sobre entre até gostaria
                """),
            digits=word_list("zero um uma dois duas três quatro cinco seis meia sete oito nove"),
            nods=word_list("""
                sim claro certo ok okay bom bem exato exatamente perfeito entendi entendo pois legal tá verdade
                """),
            nod_phrases=_phrases("com certeza, tudo bem, está bem, muito bem, pois é, tá bom"),
            nothing_yet=word_list("e mas então o a"),
            orders=_phrases("para, pare, espera, espere, não, silêncio, chega, basta, cancela, cancele"),
            courtesies=word_list("por favor"),
        ),
        "nl": Language(
            hesitations=word_list("eh ehm uh uhm hm hmm mm"),
            goes_on=word_list("""
                en of maar want omdat als terwijl hoewel zodat de een mijn jouw onze hun tot tussen te heel erg ongeveer
                """),
            digits=word_list("nul een één twee drie vier vijf zes zeven acht negen"),
            nods=word_list("""
                ja jaja jawel oké okay ok goed precies klopt juist prima mooi leuk echt snap natuurlijk zeker
                """),
            nod_phrases=_phrases("ik snap, snap ik, heel goed, is goed, ja hoor, ik begrijp"),
            nothing_yet=word_list("en maar dus de het"),
            orders=_phrases("stop, wacht, nee, stil, genoeg, annuleer, hou op, wacht even"),
            courtesies=word_list("alsjeblieft alstublieft"),
        ),
    }
)
"""By the first part of a BCP 47 tag."""

_UNKNOWN = Language()


def language_of(locale: str) -> Language:
    """Of a BCP 47 tag; of one that is not known, the sounds that all people make."""
    return LANGUAGES.get(primary(locale), _UNKNOWN)


def taken_for(locale: str, understood: Sequence[str]) -> str:
    """The locale that a recogniser takes speech for: its own where it does not understand that of the speaker. One that
    does not say what it understands is taken to understand all."""
    is_understood = not understood or primary(locale) in {primary(tag) for tag in understood}
    return locale if is_understood else understood[0]


def primary(tag: str) -> str:
    return tag.lower().replace("_", "-").partition("-")[0]
