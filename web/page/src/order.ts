// The meaning of a room's rules and its moderators' verdicts for a user who writes: why not, and how long.

import { forGood, type Modes, type State, type You } from "../../client/src/index.js";
import { fullTime, time } from "./dom.js";
import type { Gate } from "./gate.js";
import type { Text } from "./texts.js";

/** Verdict is what is known of a user in a room; now is the server's time. */
export interface Verdict {
  readonly state: Pick<State, "name" | "reason" | "until" | "because">;
  readonly modes: Pick<Modes, "frozen" | "who"> & Partial<Pick<Modes, "minLevel">>;
  readonly you: Pick<You, "mutedUntil" | "reason" | "can">;
  /** restricted: the room has refused a message as only some may write. No frame reports whether one is of these. */
  readonly restricted: boolean;
  readonly now: number;
}

const shortMs = 120_000; // A shorter end is counted down.

/** Spans are the texts of one verdict: with no end that is known, with one, for good. */
type Spans = readonly [plain: Text, until: Text, forGood: Text];

const muted: Spans = ["gateMuted", "gateMutedUntil", "gateMutedForGood"];
const sentOut: Record<string, Spans> = {
  banned: ["gateBanned", "gateBannedUntil", "gateBannedForGood"],
  kicked: ["gateKicked", "gateKickedUntil", "gateKicked"],
};

/** isMuted says that the user may neither write nor like. */
export function isMuted({ mutedUntil }: Pick<You, "mutedUntil">, now: number): boolean {
  return mutedUntil > now;
}

/** orderGateOf says what keeps one from writing; undefined is nothing. */
export function orderGateOf({ state, modes, you, restricted, now }: Verdict): Gate | undefined {
  if (state.name === "closed") {
    if (!Object.hasOwn(sentOut, state.reason)) return undefined;
    const { until = 0, because = "" } = state;
    if (until <= now && (until > 0 || state.reason === "kicked")) return { why: sentOut[state.reason]![0], offer: "again", how: "back" };
    return { ...spanned(sentOut[state.reason]!, until, now, "comeBack"), ...(because ? { reason: because } : {}) };
  }
  if (isMuted(you, now)) return { ...spanned(muted, you.mutedUntil, now, "sayAgain"), reason: you.reason };
  if (you.can.includes("moderate")) return undefined;
  if (modes.frozen) return { why: "gateFrozen" };
  if (modes.who === "mods") return { why: "gateMods" };
  if (!restricted) return undefined;
  const { who, minLevel = 0 } = modes;
  return who === "all" && minLevel > 0 ? { why: "gateLevel", blanks: { n: String(minLevel) } } : { why: "gateTagged" };
}

function spanned([plain, some, ever]: Spans, until: number, now: number, wait: Text): Gate {
  const left = until - now;
  if (until === 0) return { why: plain };
  if (until >= forGood) return { why: ever };
  if (left <= shortMs) return { why: plain, wait, n: Math.ceil(left / 1000) };
  return { why: some, blanks: { when: left < 12 * 3_600_000 ? time(until) : fullTime(until) } };
}

/** Pause is a refusal that passes: until is by the time of now (clock.ts), body what was refused. */
export interface Pause {
  readonly code: string;
  readonly until: number;
  readonly body: string;
}

/** pauses are the refusals that are counted down where one writes. */
const pauses: Record<string, Text> = { slow_mode: "pauseSlow", too_early: "pauseEarly", duplicate: "pauseSame", shed: "pauseShed" };

/** isPause says that a refusal is counted down where one writes. */
export function isPause(code: string): boolean {
  return Object.hasOwn(pauses, code);
}

/** Line is what stands below the field: a text with a number of seconds. */
export interface Line {
  readonly text: Text;
  readonly n: number;
}

/**
 * lineOf says why to wait, and how long. Without a pause it says how often a room in slow mode takes a message. It
 * returns undefined where there is nothing to say.
 */
export function lineOf(pause: Pause | undefined, slowMs: number, now: number): Line | undefined {
  if (pause && pause.until > now) return { text: pauses[pause.code]!, n: Math.ceil((pause.until - now) / 1000) };
  return slowMs > 0 ? { text: "slowMode", n: Math.ceil(slowMs / 1000) } : undefined;
}

/** holds says whether a pause holds this text back: after a text that was sent before, others may still be sent. */
export function holds(pause: Pause | undefined, body: string, now: number): boolean {
  return pause !== undefined && pause.until > now && (pause.code !== "duplicate" || pause.body === body);
}
