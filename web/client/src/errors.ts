// The errors of the client: one base class, so that `instanceof BarrageError` and a
// `switch (err.code)` are all that an application needs.

/**
 * ErrorCode says what went wrong, for programs: first the codes of the client itself, then
 * those of the protocol. A server may send others, which are passed on as they are.
 */
export type ErrorCode =
  | "closed" // the room was closed, by close() or by a server that wants us gone
  | "timeout" // no answer in time; whether it was taken is not known
  | "overflow" // too many sends wait for an answer
  | "invalid" // an argument that the protocol does not allow
  | "network" // the HTTP request did not get through
  | "other_room" // the server let us into another room, or as another user, than was asked for
  | "bad_token" // no server takes it as a token: no text, too long, with control characters
  | "protocol" // the server sent what the protocol does not know
  | "bad_request"
  | "unauthenticated" // the token is none of the server's, or there is none and guests are not let in
  | "token_expired" // its life is over
  | "token_revoked" // an operator took it back
  | "token_replaced" // the user has logged in elsewhere since: a client that logs in again by itself ends that login
  | "forbidden"
  | "banned" // a moderator has banned the user; a ConnectionError says until when
  | "kicked" // a moderator has sent the user out for a while
  | "muted" // the user reads, and may not write or like
  | "frozen" // nobody writes but moderators
  | "restricted" // only users with a tag of the room, or moderators, write
  | "slow_mode" // the room takes a message of a user so often
  | "too_early" // newcomers wait before their first message
  | "duplicate" // the same text was sent a short time ago
  | "links"
  | "emote_only"
  | "caps" // too many capital letters
  | "blocked" // the word filter
  | "held" // a moderator decides: the message comes later, or never
  | "shed" // the room has too much to show
  | "not_supported" // nobody keeps order beside original FastIM nodes
  | "origin_not_allowed"
  | "no_such_room"
  | "upgrade_required"
  | "rate_limited"
  | "full"
  | "no_room"
  | "too_many_connections"
  | "draining"
  | "unavailable" // the store does not answer
  | "busy"
  | "expired"
  | "store_refused"
  // it may have been done; the client repeats a send until it knows or the time is over, and no moderate
  | "unconfirmed"
  | "not_found"
  | "too_old"
  | "other_epoch"
  | "too_big"
  | "refused" // by an HTTP status that names nothing else
  | (string & {});

/** BarrageError is the base of all errors of this client. */
export class BarrageError extends Error {
  override readonly name: string = "BarrageError";
  /** code says what went wrong, for programs. */
  readonly code: ErrorCode;
  /** retryAfterMs is how long to wait before trying again, in ms; undefined where the server named no time. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** SendError says why a send, a recall or a moderate was not taken. */
export class SendError extends BarrageError {
  override readonly name = "SendError";
  /**
   * id is that of the send. After code "timeout" or "closed" the message may still have
   * been taken. Send it again with this id within two minutes, and it stays one message.
   * So it may where a room refuses a send that was cut before, as with "slow_mode".
   */
  readonly id: string;

  constructor(id: string, code: ErrorCode, message: string, retryAfterMs?: number) {
    super(code, message, retryAfterMs);
    this.id = id;
  }
}

/** HttpError says why an HTTP request failed. */
export class HttpError extends BarrageError {
  override readonly name = "HttpError";
  /** status is the HTTP status; 0 when no answer came (code "network" or "timeout"). */
  readonly status: number;
  /** until is when a ban or a kick ends, in ms since 1970; undefined for other errors. For good it is forGood. */
  readonly until: number | undefined;
  /**
   * because is the reason that the moderator gave; undefined for other errors, and where there is none. A stranger's
   * text.
   */
  readonly because: string | undefined;

  constructor(status: number, code: ErrorCode, message: string, retryAfterMs?: number, until?: number, because?: string) {
    super(code, message, retryAfterMs);
    this.status = status;
    this.until = until;
    this.because = because;
  }
}

/** ConnectionError says why the room closed for good. */
export class ConnectionError extends BarrageError {
  override readonly name = "ConnectionError";
  /** closeCode is the WebSocket's close code; 0 when the server refused before there was one. */
  readonly closeCode: number;
  /**
   * until is when a ban or a kick ends, in ms since 1970; undefined for other errors, and where the server named no
   * time. For good it is forGood.
   */
  readonly until: number | undefined;

  /**
   * because is the reason that the moderator gave; undefined for other errors, and where there is none. A stranger's
   * text.
   */
  readonly because: string | undefined;

  constructor(code: ErrorCode, message: string, closeCode = 0, until?: number, retryAfterMs?: number, because?: string) {
    super(code, message, retryAfterMs);
    this.closeCode = closeCode;
    this.until = until;
    this.because = because;
  }
}
