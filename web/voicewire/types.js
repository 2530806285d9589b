// Generated from voicewire/messages.py by scripts/generate.py: change it there.

export const VERSION = 1;

export const SUBPROTOCOL = "voicewire.v1";

export const FRAME_MS = 20;

export const HEADER_BYTES = 16;

export const MAX_PTS = 9007199254740991;

export const KINDS = Object.freeze({
  "audio_chunk": 1,
  "tts_audio_chunk": 2,
});

export const CODECS = Object.freeze({
  "opus": 1,
  "webm-opus": 2,
  "mp4": 3,
  "ogg-opus": 4,
  "pcm_s16le": 5,
});

export const UP_TYPES = Object.freeze(["session_start", "audio_end", "interrupt", "playback", "text_input", "clock"]);

export const DOWN_TYPES = Object.freeze(["session_ready", "audio_ack", "speech_started", "speech_stopped", "transcript_partial", "transcript_final", "llm_token", "reply_paused", "reply_resumed", "reply_cancelled", "turn_end", "timing", "error", "going_away", "clock"]);

export const MARKS = Object.freeze({
  "audio.last_speech": "server",
  "vad.closed": "server",
  "stt.first_partial": "server",
  "stt.final": "server",
  "turn.committed": "server",
  "llm.requested": "server",
  "llm.first_token": "server",
  "llm.done": "server",
  "tts.requested": "server",
  "tts.first_audio": "server",
  "tts.done": "server",
  "reply.first_frame_sent": "server",
  "mic.speech_end": "client",
  "reply.first_frame_received": "client",
  "reply.first_audible": "client",
  "barge_in.speech_start": "client",
  "barge_in.silence": "client",
});

export const SPANS = Object.freeze({
  "voice_to_voice": ["mic.speech_end", "reply.first_audible"],
  "endpointing_delay": ["audio.last_speech", "turn.committed"],
  "stt_finalization": ["vad.closed", "stt.final"],
  "ttft": ["llm.requested", "llm.first_token"],
  "tts_ttfb": ["tts.requested", "tts.first_audio"],
  "server_turnaround": ["audio.last_speech", "reply.first_frame_sent"],
  "barge_in_stop": ["barge_in.speech_start", "barge_in.silence"],
});

/**
 * A codec at a sample rate; mono. `rate` is also the unit of `pts` in the binary header, in samples a second.
 *
 * @typedef {Object} AudioFormat
 * @property {Codec} codec How the audio is coded.
 * @property {number} [rate] Samples a second.
 */

/** @typedef {"opus" | "webm-opus" | "mp4" | "ogg-opus" | "pcm_s16le"} Codec */

/**
 * How turns are taken; what is left out is the server's setting.
 *
 * @typedef {Object} TurnDetection
 * @property {TurnDetectionMode | null} [mode] Who decides that the user has finished.
 * @property {number | null} [silence_ms] Silence after the last speech that commits the turn.
 * @property {Endpointing | null} [endpointing] Whether that silence is the same after all words.
 * @property {boolean | null} [barge_in] Whether speech over a reply cancels it.
 * @property {number | null} [barge_in_ms] Speech over a reply that is shorter than this does not cancel it.
 */

/** @typedef {"vad" | "manual"} TurnDetectionMode */

/** @typedef {"fixed" | "adaptive"} Endpointing */

/**
 * The engine of each role.
 *
 * @typedef {Object} Engines
 * @property {EngineInfo} vad Voice activity detection.
 * @property {EngineInfo} stt Speech recognition.
 * @property {EngineInfo} llm Language model.
 * @property {EngineInfo} tts Speech synthesis.
 */

/**
 * An engine in use.
 *
 * @typedef {Object} EngineInfo
 * @property {string} name As it is chosen on the server, such as `espeak`.
 * @property {Record<string, string | number | boolean>} [settings] What it was told to do, such as a voice and a rate.
 */

/**
 * What the server takes from a client; past one of them comes an `error`.
 *
 * @typedef {Object} Limits
 * @property {number} [max_message_bytes] One WebSocket message of either kind.
 * @property {number} [max_audio_ahead_ms] Audio sent faster than real time, at most.
 * @property {number} [max_frames_per_second] Messages of either kind, averaged over two seconds.
 * @property {number} [idle_timeout_ms] A user who neither speaks nor types for so long, while no reply is being given, is let go (`idle_timeout`).
 */

/** @typedef {"barge_in" | "interrupt" | "text_input" | "resumed" | "failed"} CancelReason */

/** @typedef {"completed" | "cancelled" | "no_speech" | "failed"} TurnOutcome */

/**
 * What a turn used, and the session's hearing so far.
 *
 * @typedef {Object} Usage
 * @property {number} [input_tokens] The language model read.
 * @property {number} [output_tokens] The language model wrote.
 * @property {number} [tts_characters] Handed to speech synthesis.
 * @property {number} [tts_audio_ms] Made by speech synthesis, heard or not.
 * @property {number} [heard_audio_ms] Microphone audio of the session that was received.
 * @property {number} [decoded_audio_ms] Of that, what the recogniser was given: silence is not.
 * @property {number} [vad_audio_ms] Of that, what the VAD engine was given: what the energy gate lets through.
 */

/**
 * Answers that were begun before the turn was committed, held back until then.
 *
 * @typedef {Object} Speculation
 * @property {number} [started] Answers begun early.
 * @property {number} [hit] Of those, given: the user had said just that. At most one.
 * @property {number} [cancelled] Of those, thrown away unheard.
 * @property {number} [wasted_tokens] The language model wrote for those thrown away.
 * @property {number} [wasted_input_tokens] It read for those thrown away: an estimate, since a service tells at the end of an answer only.
 * @property {number} [wasted_tts_ms] Speech synthesis made for those thrown away.
 * @property {number} [saved_ms] The answer came so much sooner than one begun at the commit.
 */

/** @typedef {"audio.last_speech" | "vad.closed" | "stt.first_partial" | "stt.final" | "turn.committed" | "llm.requested" | "llm.first_token" | "llm.done" | "tts.requested" | "tts.first_audio" | "tts.done" | "reply.first_frame_sent" | "mic.speech_end" | "reply.first_frame_received" | "reply.first_audible" | "barge_in.speech_start" | "barge_in.silence"} Mark */

/** @typedef {"malformed_json" | "unknown_type" | "invalid_field" | "malformed_frame" | "message_too_large" | "not_started" | "already_started" | "unsupported_version" | "unsupported_format" | "wrong_codec" | "bad_sequence" | "too_far_ahead" | "too_many_frames" | "corrupt_audio" | "overloaded" | "unauthorized" | "vad_failed" | "stt_failed" | "llm_failed" | "tts_failed" | "server_full" | "too_many_sessions" | "session_expired" | "idle_timeout" | "taken_over" | "going_away" | "internal"} ErrorCode */

/**
 * The first message of a connection.
 *
 * @typedef {Object} SessionStart
 * @property {"session_start"} type
 * @property {number} [version] Version of the protocol.
 * @property {string} [locale] BCP 47 language tag of the user.
 * @property {string | null} [voice] Voice of the reply; left out, the engine's own.
 * @property {Array<AudioFormat>} [input] Formats of the microphone audio that the client can send, best first.
 * @property {Array<AudioFormat>} [output] Formats of the reply that the client can play, best first.
 * @property {TurnDetection} [turn_detection] How turns are taken.
 * @property {string | null} [token] Proof that the client may use the server, where it asks for one.
 * @property {Record<string, string>} [metadata] The app's own notes about the session; not interpreted.
 * @property {string | null} [resume_token] From an earlier `session_ready`: go on with that session's conversation.
 */

/**
 * The user stopped speaking: push-to-talk released, or the client's own VAD closed the turn.
 *
 * @typedef {Object} AudioEnd
 * @property {"audio_end"} type
 */

/**
 * The user stopped the reply that was playing.
 *
 * @typedef {Object} Interrupt
 * @property {"interrupt"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {number} played_ms Playhead: how much of the reply the user had heard.
 */

/**
 * Playhead; about ten a second while playing, and at start and end.
 *
 * @typedef {Object} Playback
 * @property {"playback"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {number} played_ms Playhead: how much of the reply the user has heard.
 * @property {number} buffered_ms Received and not yet played.
 */

/**
 * A typed utterance instead of a spoken one.
 *
 * @typedef {Object} TextInput
 * @property {"text_input"} type
 * @property {string} text What the user typed.
 */

/**
 * A ping, and with all four times its answer. Offset and round trip as in NTP; the smallest round trip wins.
 *
 * @typedef {Object} Clock
 * @property {"clock"} type
 * @property {number} ping_id Chosen by the asking side; returned as it came.
 * @property {number} sent_ms On the asking side's clock, when it asked; returned as it came.
 * @property {number | null} [received_ms] On the answering side's clock, when the ping arrived.
 * @property {number | null} [replied_ms] On the answering side's clock, when the answer left.
 */

/**
 * The answer to `session_start`: audio may flow.
 *
 * @typedef {Object} SessionReady
 * @property {"session_ready"} type
 * @property {number} [version] Version of the protocol.
 * @property {string} session_id Names the session in the server's log.
 * @property {string} resume_token For the `session_start` of a later connection that goes on with this conversation.
 * @property {boolean | null} [resumed] Whether the conversation of `session_start.resume_token` goes on. False: the server does not know it, and a new one begins. Null: none was given.
 * @property {AudioFormat} input Format of the microphone audio: one of those offered.
 * @property {AudioFormat} output Format of the reply: one of those offered.
 * @property {Engines} engines Engines in use.
 * @property {Limits} [limits] What the server takes from the client.
 * @property {number} lead_ms Reply audio is sent at most this far ahead of the playhead.
 * @property {Array<string>} [locales] Languages that are understood, as BCP 47 tags; none where the recogniser does not say.
 * @property {Array<string>} [voices] Voices to choose from; none where speech synthesis does not say. It may take others as well, such as variants.
 */

/**
 * The last microphone audio received and decoded; four times a second while audio flows.
 *
 * @typedef {Object} AudioAck
 * @property {"audio_ack"} type
 * @property {number} sequence Of the last frame of microphone audio received and decoded.
 * @property {number} position_ms Audio decoded so far.
 */

/**
 * The server's VAD heard speech begin.
 *
 * @typedef {Object} SpeechStarted
 * @property {"speech_started"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {number} position_ms Where the speech begins, in the microphone audio.
 */

/**
 * The server's VAD heard speech end, dated back to the last speech.
 *
 * @typedef {Object} SpeechStopped
 * @property {"speech_stopped"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {number} position_ms Where the speech ended, in the microphone audio.
 */

/**
 * What the user has said so far; may change.
 *
 * @typedef {Object} TranscriptPartial
 * @property {"transcript_partial"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {string} text Everything understood so far, not what was added.
 * @property {number} stable_chars The first so many characters are not expected to change.
 */

/**
 * What the user said in this turn, as the reply will answer it.
 *
 * @typedef {Object} TranscriptFinal
 * @property {"transcript_final"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {string} text Everything that was understood.
 */

/**
 * One piece of the reply's text.
 *
 * @typedef {Object} LlmToken
 * @property {"llm_token"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {number} index Counts the pieces of a reply, from 0.
 * @property {string} text The pieces joined, as they are, make the reply.
 */

/**
 * The user may be speaking over the reply: be silent at once, and keep what is buffered and what still arrives.
 *
 * @typedef {Object} ReplyPaused
 * @property {"reply_paused"} type
 * @property {number} turn_id Turn of the session, from 1.
 */

/**
 * It was no interruption: play on where the reply was paused.
 *
 * @typedef {Object} ReplyResumed
 * @property {"reply_resumed"} type
 * @property {number} turn_id Turn of the session, from 1.
 */

/**
 * The reply is over: drop what is buffered of it, and whatever still arrives of it.
 *
 * @typedef {Object} ReplyCancelled
 * @property {"reply_cancelled"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {CancelReason} reason Why it was cut short.
 * @property {number} heard_ms How much of the reply's audio the user had heard.
 * @property {string} heard_text What of the reply the user had heard; the conversation goes on from it.
 */

/**
 * The turn is over.
 *
 * @typedef {Object} TurnEnd
 * @property {"turn_end"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {TurnOutcome} outcome How the turn ended.
 * @property {Record<string, number>} [latencies_ms] The spans of the server's own marks by name, such as `ttft`; one whose mark is missing is absent.
 * @property {Usage} [usage] What it took.
 * @property {Speculation} [speculation] What was begun early for it.
 */

/**
 * A mark of a turn as it happens. A `speech_started` before the commit withdraws the turn's end-of-speech marks.
 *
 * @typedef {Object} Timing
 * @property {"timing"} type
 * @property {number} turn_id Turn of the session, from 1.
 * @property {Mark} mark What happened.
 * @property {number} t_ms When, on the server's clock.
 */

/**
 * Something went wrong.
 *
 * @typedef {Object} Error
 * @property {"error"} type
 * @property {ErrorCode} code What went wrong; stable, to branch on.
 * @property {string} message A sentence for a person.
 * @property {boolean} [fatal] The session does not go on: the connection is closed after this.
 * @property {string} [field] The field at fault, such as `input[0].rate`.
 * @property {number | null} [turn_id] The turn it belongs to.
 */

/**
 * The server drains: finish within the time left, or resume elsewhere.
 *
 * @typedef {Object} GoingAway
 * @property {"going_away"} type
 * @property {number} time_left_ms Until the server closes the connection.
 * @property {string} resume_token For the `session_start` of the next connection.
 */

/** @typedef {SessionStart | AudioEnd | Interrupt | Playback | TextInput | Clock} Up */

/** @typedef {SessionReady | AudioAck | SpeechStarted | SpeechStopped | TranscriptPartial | TranscriptFinal | LlmToken | ReplyPaused | ReplyResumed | ReplyCancelled | TurnEnd | Timing | Error | GoingAway | Clock} Down */
