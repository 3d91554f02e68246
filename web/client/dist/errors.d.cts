/**
 * ErrorCode says what went wrong, for programs: first the codes of the client itself, then
 * those of the protocol. A server may send others, which are passed on as they are.
 */
export type ErrorCode = "closed" | "timeout" | "overflow" | "invalid" | "network" | "other_room" | "bad_token" | "protocol" | "bad_request" | "unauthenticated" | "token_expired" | "token_revoked" | "token_replaced" | "forbidden" | "banned" | "kicked" | "muted" | "frozen" | "restricted" | "slow_mode" | "too_early" | "duplicate" | "links" | "emote_only" | "caps" | "blocked" | "held" | "shed" | "not_supported" | "origin_not_allowed" | "no_such_room" | "upgrade_required" | "rate_limited" | "full" | "no_room" | "too_many_connections" | "draining" | "unavailable" | "busy" | "expired" | "store_refused" | "unconfirmed" | "not_found" | "too_old" | "other_epoch" | "too_big" | "refused" | (string & {});
/** BarrageError is the base of all errors of this client. */
export declare class BarrageError extends Error {
    readonly name: string;
    /** code says what went wrong, for programs. */
    readonly code: ErrorCode;
    /** retryAfterMs is how long to wait before trying again, in ms; undefined where the server named no time. */
    readonly retryAfterMs: number | undefined;
    constructor(code: ErrorCode, message: string, retryAfterMs?: number);
}
/** SendError says why a send, a recall or a moderate was not taken. */
export declare class SendError extends BarrageError {
    readonly name = "SendError";
    /**
     * id is that of the send. After code "timeout" or "closed" the message may still have
     * been taken. Send it again with this id within two minutes, and it stays one message.
     * So it may where a room refuses a send that was cut before, as with "slow_mode".
     */
    readonly id: string;
    constructor(id: string, code: ErrorCode, message: string, retryAfterMs?: number);
}
/** HttpError says why an HTTP request failed. */
export declare class HttpError extends BarrageError {
    readonly name = "HttpError";
    /** status is the HTTP status; 0 when no answer came (code "network" or "timeout"). */
    readonly status: number;
    /** until is when a ban or a kick ends, in ms since 1970; undefined for other errors. For good it is forGood. */
    readonly until: number | undefined;
    /**
     * because is the reason that the moderator gave; undefined for other errors, and where there is none. A stranger's
     * text.
     */
    readonly because: string | undefined;
    constructor(status: number, code: ErrorCode, message: string, retryAfterMs?: number, until?: number, because?: string);
}
/** ConnectionError says why the room closed for good. */
export declare class ConnectionError extends BarrageError {
    readonly name = "ConnectionError";
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
    constructor(code: ErrorCode, message: string, closeCode?: number, until?: number, retryAfterMs?: number, because?: string);
}
