import type { Can, Done, Held, Message, Moderation, Modes, RoomEvents, RoomOptions, Sent, SendOptions, State, You } from "./types.js";
/**
 * Room is one user's place in one live room. It connects, comes back by itself and
 * resumes where it was. It hands on each message once and in order, and keeps what the
 * user sends until the server has taken it.
 */
export declare class Room {
    #private;
    /**
     * A Room does nothing before connect. The constructor throws a BarrageError with code
     * "invalid" where the options make no sense, "bad_token" where a token can be none.
     */
    constructor(options: RoomOptions);
    /** url is the address of the node, of http, with a slash at its end. */
    get url(): string;
    /**
     * userId is who one is: before the first welcome that of the options, "" without one. Messages of one's own have it.
     */
    get userId(): string;
    /** can is what one may do here, as the server sent it last; nothing before the first welcome. */
    get can(): readonly Can[];
    /** you is what holds for this user here, as the server sent it last: role, mute, and what one may do. */
    get you(): You;
    /**
     * modes are the room's rules, as the server sent them last; before the first welcome those that let everything
     * through.
     */
    get modes(): Modes;
    /** online is how many are in the room; 0 before the first welcome. */
    get online(): number;
    /** likes is how many the room has had; 0 before the first welcome. */
    get likes(): number;
    /** seq is the number up to which everything was handed on, named in a gap, or known before. */
    get seq(): number;
    /** epoch is what seq counts in; "" before the first welcome. */
    get epoch(): string;
    /** state is where the room stands. */
    get state(): State;
    /** on adds a listener; the function returned removes it. A listener that throws stops nothing else. */
    on<E extends keyof RoomEvents>(event: E, listener: (...args: RoomEvents[E]) => void): () => void;
    /**
     * connect starts. It ends a wait; it does nothing while connected or on the way. After
     * a close, by whomever, it starts again and resumes where it was.
     */
    connect(): void;
    /** close leaves the room. An op that waits for an answer is rejected with code "closed". */
    close(): void;
    /**
     * send sends body to the room, and is done when the message is in the room's history.
     * Without a connection it waits for one; after a cut it goes again with its id, which
     * keeps it one message.
     *
     * It rejects with a SendError: a refusal has the server's code; "timeout"
     * (it may have been taken), "closed", "overflow" (100 wait already), "invalid".
     */
    send(body: string, options?: SendOptions): Promise<Sent>;
    /**
     * like sends n likes, merged: at most one op per second. They are not acknowledged (see counters), and forgotten when
     * the room closes.
     */
    like(n?: number): void;
    /**
     * recall takes message seq of an epoch back, for all. It rejects with a SendError as send does; with code
     * "other_epoch" where the room counts anew, so that the number may be another message's.
     */
    recall(seq: number, epoch?: string): Promise<void>;
    /**
     * moderate does what moderators do, and is done when the server has carried it out. Without a connection it waits for
     * one. It rejects with a SendError as send does. Where the connection is lost before the answer comes the code is
     * "unconfirmed": it may be done. Each verb but announce may then be repeated, since a second time changes nothing.
     */
    moderate(op: Moderation): Promise<Done>;
    /**
     * messages returns history, oldest first: at most limit messages, the newest before the
     * seq given, or the newest of all. It rejects with an HttpError.
     */
    messages(before?: number, limit?: number): Promise<Message[]>;
    /**
     * held returns what waits for a moderator, the oldest first; moderators alone may ask. It rejects with an HttpError.
     */
    held(): Promise<Held[]>;
}
