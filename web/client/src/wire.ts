// The frames of barrage.v1 as they are on the wire, and how we read them. A field that is missing or of the wrong type
// becomes empty, and one that we do not know is left out. So a newer server does not break an older client.

import type { Can, Counters, Held, Message, Modes, Moderation, Purged, Recalled, Storm, SystemNotice, Welcome, You } from "./types.js";

/** subprotocol is asked for in the handshake. */
export const subprotocol = "barrage.v1";

/** recallMs is how long a message may be taken back where the server names no time. */
const recallMs = 120_000;

/** allCan is what everybody may do where the server sends no list: older ones know no tokens that grant less. */
const allCan: readonly Can[] = ["read", "send", "like", "recall"];

/** UpTo is a number in an epoch, up to which all was taken away. */
export interface UpTo {
  readonly epoch: string;
  readonly seq: number;
}

/** Frame is one frame of the server. */
export type Frame =
  | { t: "welcome"; welcome: Welcome; messages: Message[]; recalled: Recalled[]; heartbeatMs: number }
  | { t: "batch"; epoch: string; messages: Message[] }
  | { t: "gap"; from: number; to: number; reason: string }
  | { t: "ack"; id: string; epoch: string; seq: number; ts: number }
  | { t: "refused"; id: string; code: string; message: string; retryAfterMs: number | undefined }
  | { t: "auth"; id: string; expiresMs: number; can: readonly Can[] | undefined }
  | { t: "counters"; counters: Counters }
  | { t: "recalled"; recalled: Recalled }
  | { t: "room"; modes: Modes }
  | { t: "you"; you: Omit<You, "can">; can: readonly Can[] | undefined }
  | { t: "purged"; purged: Purged }
  | { t: "cleared"; cleared: UpTo }
  | { t: "storm"; storm: Storm }
  | { t: "held"; held: Held }
  | { t: "done"; id: string; verb: string; n: number; seq: number; before: boolean }
  | { t: "system"; notice: SystemNotice }
  | { t: "reconnect"; afterMs: number }
  | { t: "epoch"; epoch: string; seq: number; ts: number }
  | { t: "pong" }
  | { t: "" }; // one that this client does not know

type Raw = Record<string, unknown>;

/** isObject says that v is a JSON object. */
export function isObject(v: unknown): v is Raw {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

/** text returns v, or "" where it is no string; numbers are allowed for ids. */
export function text(v: unknown): string {
  return typeof v === "string" ? v : typeof v === "number" ? String(v) : "";
}

/**
 * count returns v, or 0 where it is no whole number of 0 or more, or one too large to count on from. No Stream comes
 * from one seq to such a one.
 */
export function count(v: unknown): number {
  return Number.isSafeInteger(v) && (v as number) >= 0 ? (v as number) : 0;
}

/** parseFrame reads one frame; undefined where it is no JSON object. */
export function parseFrame(data: unknown): Frame | undefined {
  let raw: unknown;
  try {
    raw = typeof data === "string" ? JSON.parse(data) : undefined;
  } catch {
    return undefined;
  }
  return isObject(raw) ? readFrame(raw) : undefined;
}

function readFrame(raw: Raw): Frame {
  switch (raw["t"]) {
    case "welcome":
      return {
        t: "welcome",
        welcome: readWelcome(raw),
        messages: objects(raw["messages"]).map(readMessage), // some may be without a number
        recalled: objects(raw["recalled"]).map(readRecalled),
        heartbeatMs: count(raw["heartbeat_ms"]),
      };
    case "batch":
      return { t: "batch", epoch: text(raw["epoch"]), messages: readMessages(raw["messages"]) };
    case "gap":
      return { t: "gap", from: count(raw["from"]), to: count(raw["to"]), reason: text(raw["reason"]) };
    case "ack":
      return { t: "ack", id: text(raw["id"]), epoch: text(raw["epoch"]), seq: count(raw["seq"]), ts: count(raw["ts"]) };
    case "refused":
      return {
        t: "refused",
        id: text(raw["id"]),
        code: text(raw["code"]),
        message: text(raw["message"]),
        retryAfterMs: count(raw["retry_after_ms"]) || undefined, // 0: trying again is no use
      };
    case "auth":
      return { t: "auth", id: text(raw["id"]), expiresMs: count(raw["expires_ms"]), can: readCan(raw["can"]) };
    case "counters":
      return { t: "counters", counters: { online: count(raw["online"]), likes: count(raw["likes"]) } };
    case "recalled":
      return { t: "recalled", recalled: readRecalled(raw) };
    case "room":
      return { t: "room", modes: readModes(raw["modes"]) };
    case "you":
      return { t: "you", you: readYou(raw), can: readCan(raw["can"]) };
    case "purged":
      return { t: "purged", purged: { userId: text(raw["user_id"]), since: count(raw["since"]), until: "until" in raw ? count(raw["until"]) : Infinity } };
    case "cleared":
      return { t: "cleared", cleared: { epoch: text(raw["epoch"]), seq: count(raw["seq"]) } };
    case "storm":
      return { t: "storm", storm: { shown: count(raw["shown"]), offered: count(raw["offered"]), level: count(raw["level"]), ms: count(raw["ms"]) } };
    case "held":
      return { t: "held", held: readHeld(raw) };
    case "done":
      return { t: "done", id: text(raw["id"]), verb: text(raw["verb"]), n: count(raw["n"]), seq: count(raw["seq"]), before: raw["before"] === true };
    case "system":
      return { t: "system", notice: { code: text(raw["code"]), message: text(raw["message"]), data: raw["data"] } };
    case "reconnect":
      return { t: "reconnect", afterMs: count(raw["after_ms"]) };
    case "epoch":
      return { t: "epoch", epoch: text(raw["epoch"]), seq: count(raw["seq"]), ts: count(raw["ts"]) };
    case "pong":
      return { t: "pong" };
    default:
      return { t: "" };
  }
}

function readHeld(raw: Raw): Held {
  const [message] = objects(raw["messages"]).map(readMessage);
  return {
    held: text(raw["held"]),
    state: text(raw["state"]),
    userId: text(raw["user_id"]),
    id: text(raw["id"]),
    why: text(raw["why"]),
    until: count(raw["until"]),
    message,
  };
}

/** readHeldList reads what waits for a moderator. */
export function readHeldList(raw: unknown): Held[] {
  return isObject(raw) ? objects(raw["held"]).map(readHeld) : [];
}

function readWelcome(raw: Raw): Welcome {
  const limits = isObject(raw["limits"]) ? raw["limits"] : {};
  const maxBodyBytes = count(limits["max_body_bytes"]);
  const can = readCan(raw["can"]) ?? allCan, role = text(raw["role"]);
  return {
    room: text(raw["room"]),
    userId: text(raw["user_id"]),
    guest: raw["guest"] === true,
    can,
    role,
    authExpiresMs: count(raw["auth_expires_ms"]),
    node: text(raw["node"]),
    epoch: text(raw["epoch"]),
    seq: count(raw["seq"]),
    online: count(raw["online"]),
    likes: count(raw["likes"]),
    total: count(raw["total"]),
    recovered: raw["recovered"] === true,
    limits: {
      maxBodyBytes,
      maxFrameBytes: count(limits["max_frame_bytes"]) || 2 * maxBodyBytes, // the limit of servers that do not send it
      recallMs: "recall_ms" in limits ? count(limits["recall_ms"]) : recallMs,
      ratePerSecond: count(limits["rate_per_second"]),
      burst: count(limits["burst"]),
    },
    modes: readModes(raw["modes"]),
    you: { ...readYou(isObject(raw["you"]) ? raw["you"] : { role }), can },
  };
}

/**
 * readModes reads a room's rules; of what is missing, and of all where raw is none, the one that lets everything
 * through.
 */
export function readModes(raw: unknown): Modes {
  const modes = isObject(raw) ? raw : {};
  return {
    v: text(modes["v"]),
    slowMs: count(modes["slow_ms"]),
    frozen: modes["frozen"] === true,
    who: text(modes["who"]) || "all",
    tags: Array.isArray(modes["tags"]) ? modes["tags"].map(text) : [],
    firstDelayMs: count(modes["first_delay_ms"]),
    dupS: count(modes["dup_s"]),
    uniqueS: count(modes["unique_s"]),
    links: text(modes["links"]) || "allow",
    emoteOnly: modes["emote_only"] === true,
    minLevel: count(modes["min_level"]),
    maxCaps: count(modes["max_caps"]),
    review: text(modes["review"]) || "off",
    pinned: isObject(modes["pinned"]) ? readMessage(modes["pinned"]) : undefined,
    cleared: count(modes["cleared"]),
  };
}

function readYou(raw: Raw): Omit<You, "can"> {
  return { role: text(raw["role"]), mutedUntil: count(raw["muted_until"]), reason: text(raw["reason"]) };
}

/** moderationOf is a Moderation as it travels, but for its id: names are written with underscores there. */
export function moderationOf(op: Moderation): Raw {
  return { ...snaked(op), ...("modes" in op ? { modes: snaked(op.modes) } : {}), t: "mod" };
}

function snaked(o: object): Raw {
  return Object.fromEntries(Object.entries(o).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

/** readCan reads a list of names; undefined where it is none. */
function readCan(raw: unknown): readonly Can[] | undefined {
  return Array.isArray(raw) ? raw.filter((name) => typeof name === "string") : undefined;
}

/** readMessages reads messages, in order of seq; one without a seq is none. */
export function readMessages(raw: unknown): Message[] {
  return objects(raw).map(readMessage).filter((m) => m.seq > 0).sort((a, b) => a.seq - b.seq);
}

/** objects returns those of a list. */
function objects(raw: unknown): Raw[] {
  return Array.isArray(raw) ? raw.filter(isObject) : [];
}

function readRecalled(raw: Raw): Recalled {
  return { seq: count(raw["seq"]), by: text(raw["by"]), userId: text(raw["user_id"]), id: text(raw["id"]), ts: count(raw["ts"]) };
}

function readMessage(raw: Raw): Message {
  return {
    seq: count(raw["seq"]),
    kind: text(raw["kind"]),
    userId: text(raw["user_id"]),
    body: text(raw["body"]),
    ts: count(raw["ts"]),
    id: text(raw["id"]),
    ...("ext" in raw ? { ext: raw["ext"] } : {}),
    ...(isObject(raw["user"]) ? { user: raw["user"] } : {}),
    recalled: raw["recalled"] === true,
  };
}
