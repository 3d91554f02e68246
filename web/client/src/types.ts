// The types that an application sees: options, messages, events.

import type { BarrageError, ErrorCode } from "./errors.js";

/** Message is one message of a room. */
export interface Message {
  /**
   * seq is its place in the room, from 1, rising within an epoch; 0 where it has no number there. A message is known by
   * userId and id, not by seq.
   */
  readonly seq: number;
  /** kind is "chat", "gift", "system" or whatever the room's owner likes. */
  readonly kind: string;
  readonly userId: string;
  readonly body: string;
  /** ts is when the room took it, in ms since 1970, by the server's clock. */
  readonly ts: number;
  /** id is the one its sender gave it, or a node, whose ids begin with "~"; "" for some old ones. */
  readonly id: string;
  /** ext is any JSON its sender added; undefined where there was none. */
  readonly ext?: unknown;
  /** user is what the sender's token says of them to everybody, a name perhaps; undefined where it says nothing. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** recalled is true in history when it was taken back; all but seq is empty then. */
  readonly recalled: boolean;
}

/** MessageInfo says how a message came. */
export interface MessageInfo {
  /** history is true for a message that did not come live: with the welcome, or fetched to fill a gap. */
  readonly history: boolean;
}

/**
 * Can is one thing that a user may do in a room. The right "high" is to send messages of kinds that are shown before
 * others, as gifts.
 */
export type Can = "read" | "send" | "like" | "recall" | "high" | "moderate" | (string & {});

/** Welcome is what the server sends first on each connection. */
export interface Welcome {
  readonly room: string;
  /** userId is who one is: the one that the token names, or the options, or that of a guest. */
  readonly userId: string;
  /** guest is true for a user who came without a token. */
  readonly guest: boolean;
  /** can is what one may do here; the server refuses the rest with "forbidden". */
  readonly can: readonly Can[];
  /** role is what one is here; "" for nothing in particular. */
  readonly role: string;
  /** authExpiresMs is in how many ms the token ends; 0 where it does not, or nobody knows. */
  readonly authExpiresMs: number;
  /** node is the server that has the connection. */
  readonly node: string;
  readonly epoch: string;
  /** seq is that of the newest message. */
  readonly seq: number;
  readonly online: number;
  readonly likes: number;
  /** total is how many messages the room has had. */
  readonly total: number;
  /** recovered is true when the connection was resumed with every message that was missed. */
  readonly recovered: boolean;
  readonly limits: Limits;
  readonly modes: Modes;
  readonly you: You;
}

/**
 * Modes are the rules of a room, which its moderators set. A server that has none of them sends none: then all may
 * write.
 */
export interface Modes {
  /** v names this state of the rules; "" where the server sends none. */
  readonly v: string;
  /** slowMs is how long a user waits between two messages; 0 for no wait. */
  readonly slowMs: number;
  /** frozen: only moderators write. */
  readonly frozen: boolean;
  /** who names the users that may write: all, users with one of the tags, or moderators. */
  readonly who: "all" | "tagged" | "mods" | (string & {});
  readonly tags: readonly string[];
  /** firstDelayMs is how long a newcomer waits before the first message. */
  readonly firstDelayMs: number;
  /** dupS is for how many seconds a user may not repeat a text; uniqueS for how many nobody may. */
  readonly dupS: number;
  readonly uniqueS: number;
  /** links names the users that may send links. */
  readonly links: "allow" | "mods" | "deny" | (string & {});
  readonly emoteOnly: boolean;
  /** minLevel is of which level a user must be to write, by the level in the info of their token; 0 for any. */
  readonly minLevel: number;
  /** maxCaps is how many per cent of a text may be capital letters; 0 for any. */
  readonly maxCaps: number;
  /** review says whose messages a service looks at before the room has them; moderators' never. */
  readonly review: "off" | "all" | "new_users" | (string & {});
  /** pinned is the message that stands above the others. A recall, a clear or a purge of it unpins it. */
  readonly pinned: Message | undefined;
  /** cleared is the number behind which history begins since a moderator cleared the room; 0 for never. */
  readonly cleared: number;
}

/** You is what holds for this user in this room. */
export interface You {
  /** role is "", "vip", "moderator", "owner", or another one. */
  readonly role: string;
  /**
   * mutedUntil is when a mute ends, in ms since 1970 by the server's clock; 0 for no mute, forGood for one that does
   * not end.
   */
  readonly mutedUntil: number;
  /** reason is what the moderator gave; "" for none. */
  readonly reason: string;
  readonly can: readonly Can[];
}

/** Purged says that a moderator took away every message of userId whose ts is within since and until, both included. */
export interface Purged {
  readonly userId: string;
  readonly since: number;
  readonly until: number;
}

/**
 * Cleared says that every message up to number seq of the epoch, and all before that epoch, is shown no more.
 * A moderator took it away, or so much of it was taken away meanwhile that the server does not name it. History has
 * the rest.
 */
export interface Cleared {
  readonly epoch: string;
  readonly seq: number;
  /** later are epochs that have begun since, as far as the client knows: the messages of these stay. */
  readonly later: readonly string[];
}

/**
 * Storm says how many of a room's messages the server shows while there are too many. It is over where shown is offered
 * and level is 0.
 */
export interface Storm {
  readonly shown: number;
  readonly offered: number;
  /** level is how hard the server holds back, from 0 to 256. */
  readonly level: number;
  /** ms is the time in which these were offered, up to now. */
  readonly ms: number;
}

/**
 * Moderation is one thing that a moderator does. Nobody acts on a user of an equal or a higher role; only owners give
 * roles.
 */
export type Moderation = {
  /** reason is of at most 200 characters, for the user and for the room's log. */
  readonly reason?: string;
} & (
  // without forMs for good, a kick for a minute
  | { readonly verb: "mute" | "shadow" | "kick"; readonly userId: string; readonly forMs?: number }
  | { readonly verb: "ban"; readonly userId: string; readonly forMs?: number; readonly purge?: boolean }
  | { readonly verb: "unmute" | "unshadow" | "unban"; readonly userId: string }
  // those of the message: it is found by them where the server has lost it
  | { readonly verb: "delete"; readonly seq: number; readonly epoch?: string; readonly userId?: string; readonly ts?: number }
  | { readonly verb: "pin"; readonly seq: number; readonly epoch?: string } // without an epoch in that of now
  | { readonly verb: "purge"; readonly userId: string; readonly since?: number }
  | { readonly verb: "clear" | "unpin" }
  | { readonly verb: "modes"; readonly modes: Partial<Omit<Modes, "v" | "pinned" | "cleared">> } // the others stay
  | { readonly verb: "announce"; readonly body: string; readonly ext?: unknown }
  | { readonly verb: "role"; readonly userId: string; readonly role: "" | "vip" | "moderator" | "owner" }
  | { readonly verb: "approve" | "deny"; readonly held: string }
);

/**
 * Held is a message that waits for a moderator, or does no more. Moderators receive all, a sender what became of
 * theirs.
 */
export interface Held {
  /** held is its name for approve and deny. */
  readonly held: string;
  /** state: "dropped" says that too many wait. No frame reports that its time is over. */
  readonly state: "waiting" | "approved" | "denied" | "dropped" | (string & {});
  readonly userId: string;
  /** id is the message's, that of the send. */
  readonly id: string;
  /** why is who has stopped it. */
  readonly why: "filter" | "review" | (string & {});
  /** until is when it waits no more, in ms since 1970 by the server's clock; 0 for one that does not wait. */
  readonly until: number;
  /** message is what waits, without a number; undefined where it does not wait any more. */
  readonly message: Message | undefined;
}

/** Done says that a Moderation was carried out. */
export interface Done {
  readonly verb: string;
  /** n is how many messages it took away; 0 where the verb takes none. */
  readonly n: number;
  /**
   * seq is the number of the message that was approved or announced; 0 of another verb, or where it has none any more.
   */
  readonly seq: number;
  /** before says that it was in the room already: its sender had sent it again, or it was announced before. */
  readonly before: boolean;
}

/** Auth is what a new token grants on a connection that stands. */
export interface Auth {
  readonly can: readonly Can[];
  /** expiresMs is in how many ms it ends; 0 where it does not, or nobody knows. */
  readonly expiresMs: number;
}

/** Limits are what the server takes from one client; 0 is no limit. */
export interface Limits {
  readonly maxBodyBytes: number;
  /** maxFrameBytes bounds a message as it travels: its body, its ext and the rest, as JSON. */
  readonly maxFrameBytes: number;
  /** recallMs is how old a message may be that is taken back; after 0 none can be. */
  readonly recallMs: number;
  readonly ratePerSecond: number;
  readonly burst: number;
}

/**
 * Gap names messages that this client will not get: seqs from..to, both included. From 1
 * on right after an epoch: some of these were not received, and nobody knows how many.
 */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /**
   * reason: "slow" (we were), "shed" (the room was too busy) or "lost" (the server lost
   * them). Where they were missing between two messages, or while we were away, it is "missed".
   */
  readonly reason: "slow" | "shed" | "lost" | "missed" | (string & {});
}

/**
 * Recalled says that a message is to be taken off the screen. It is the one of userId with
 * this id, or with this ts where id is "". Of a message that history shows as recalled there is seq alone.
 */
export interface Recalled {
  /** seq is its number in the epoch of now; 0 where it has none there. */
  readonly seq: number;
  /** by is the user who took it back; "" where a moderator did, or, without a userId, where nobody knows. */
  readonly by: string;
  /** userId is its sender; "" where seq alone is known. */
  readonly userId: string;
  readonly id: string;
  readonly ts: number;
}

/** Counters are the room's. */
export interface Counters {
  readonly online: number;
  readonly likes: number;
}

/** SystemNotice is word from the room: frozen, muted, slow mode, an announcement. */
export interface SystemNotice {
  readonly code: string;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * Epoch says from where numbers go on: in another epoch, or elsewhere in the same one. An
 * epoch whose name begins with "l-" is of one node that is cut off from the others. Its
 * messages cannot be recalled, and have other seqs in history later.
 */
export interface Epoch {
  readonly epoch: string;
  /** seq is the number before that of what follows. */
  readonly seq: number;
}

/** StateName is where a Room stands. */
export type StateName = "idle" | "connecting" | "open" | "waiting" | "closed";

/** StateReason says why a Room stands there, for programs; the server's own codes are passed on. */
export type StateReason =
  | "new" // connect() was not called yet
  | "connect" // connect() was called, or the page is back, or the network
  | "retry" // the wait is over
  | "welcome" // the server welcomed us
  | "lost" // the connection broke, or could not be made
  | "silent" // nothing was received from the server, or no welcome in time
  | "offline" // the browser says that there is no network
  | "leaving" // the node leaves; another will have us
  | "flooding" // we sent too much (4429)
  | "close" // close() was called
  | ErrorCode; // the server refused, or closed with a code

/** State is where a Room stands, why, and what it will do next. */
export interface State {
  readonly name: StateName;
  readonly reason: StateReason;
  /** closeCode is the WebSocket's close code that led here; 0 for none. */
  readonly closeCode: number;
  /** retryInMs is how long it waits before it connects again; only while "waiting". */
  readonly retryInMs?: number;
  /** retryAt is when that will be, in ms since 1970 by this device's clock; only while "waiting". */
  readonly retryAt?: number;
  /**
   * until is when a ban or a kick ends, in ms since 1970 by the server's clock. It is there only while "closed" for
   * that, where the server named it.
   */
  readonly until?: number;
  /** because is the reason that the moderator gave; only beside until, where there is one. A stranger's text. */
  readonly because?: string;
}

/** RoomEvents are the events of a Room and what their listeners are given. */
export interface RoomEvents {
  /** welcome: connected; comes before the messages that the welcome brought. */
  welcome: [welcome: Welcome];
  /** auth: the token was renewed. */
  auth: [auth: Auth];
  /** message: once per message, never twice; within an epoch in order of seq. */
  message: [message: Message, info: MessageInfo];
  /** recalled: take it off the screen, if it is there. */
  recalled: [recalled: Recalled];
  /** gap: these cannot be fetched, after history was asked; in order with the messages. */
  gap: [gap: Gap];
  counters: [counters: Counters];
  /** room: its rules changed. A welcome brings them too, without this event. */
  room: [modes: Modes];
  /** you: the measures and limits of this user changed. A welcome brings it too, without this event. */
  you: [you: You];
  /** purged: take these off the screen. */
  purged: [purged: Purged];
  /** cleared: take these off the screen. */
  cleared: [cleared: Cleared];
  /** storm: about once a second while the server leaves messages out, and once when that is over. */
  storm: [storm: Storm];
  /** held: a message waits for a moderator, or does no more. See Room.held for those of before. */
  held: [held: Held];
  system: [notice: SystemNotice];
  /**
   * epoch: numbers go on from elsewhere. Where the name is another one, forget the seqs of
   * what is on the screen, which may stay: nothing of it comes again.
   */
  epoch: [epoch: Epoch];
  state: [state: State];
  /** error: an error that nobody waits for: closed for good, or a server that talks nonsense. */
  error: [error: BarrageError];
}

/** GetToken gives a token that is good now: a new one, or one that it has kept. */
export type GetToken = () => string | Promise<string>;

/** RoomOptions say which room, as whom, and how patiently. */
export interface RoomOptions {
  /** room is its id. */
  room: string;
  /** userId may be left out where the token names the user, and by guests: Room.userId is who one is then. */
  userId?: string;
  /**
   * getToken gives the token of the login. It is asked before a connection where the token of before is not known to be
   * fresh, and before a token's life ends. After a server has refused one it is asked once. Where it rejects, or gives
   * nothing within 30 s, it is asked again later. Without it, token and userId one is a guest.
   */
  getToken?: GetToken;
  /** token is one that stays, in place of getToken; or a function, which is the same as getToken. */
  token?: string | GetToken;
  /** url is the server, "ws://host:9000" (http and https do too); by default the page's own. */
  url?: string;
  /** backoffBaseMs is the bound of the first wait; it doubles with each failure. Default 1,000. */
  backoffBaseMs?: number;
  /** backoffCapMs bounds the bound. Default 30,000. */
  backoffCapMs?: number;
  /** sendTimeoutMs is how long a send waits for its answer. Default 30,000, at most 100,000. */
  sendTimeoutMs?: number;
  /**
   * gapLimit is how many missed messages are fetched at once; older ones are named in a gap. Default 500; 0 fetches
   * none.
   */
  gapLimit?: number;
  /** WebSocket is the class to use; by default the global one. Node 20 has none: pass that of the package ws. */
  WebSocket?: WebSocketClass;
  /** fetch is the function to use; by default the global one. */
  fetch?: FetchLike;
}

/** FetchLike is the part of a browser's fetch that the client uses; signal is an AbortSignal. */
export type FetchLike = (url: string, init: { headers: Record<string, string>; signal: any }) => Promise<ResponseLike>;

/** ResponseLike is the part of a Response that the client uses. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  json(): Promise<any>;
}

/** SendOptions go with one send. */
export interface SendOptions {
  /** kind of the message; "chat" by default. */
  kind?: string;
  /** ext is any JSON. */
  ext?: unknown;
  /**
   * id of 1 to 64 bytes, not beginning with "~"; unique by default. The same id within two minutes is the same message.
   */
  id?: string;
  /** timeoutMs for this send; see RoomOptions.sendTimeoutMs. */
  timeoutMs?: number;
}

/** Sent says that a message is in the room's history. */
export interface Sent {
  readonly id: string;
  /** epoch is what seq counts in; "" in the answer to a recall. */
  readonly epoch: string;
  /** seq is its number; 0 where the server does not know it any more. */
  readonly seq: number;
  readonly ts: number;
}

/** WebSocketLike is the part of a browser's WebSocket that the client uses. */
export interface WebSocketLike {
  readonly protocol: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** WebSocketClass makes WebSocketLikes. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;
