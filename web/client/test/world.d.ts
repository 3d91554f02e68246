import type { Env } from "../src/env.js";
import { Room } from "../src/room.js";
import type { RoomEvents, RoomOptions, WebSocketLike } from "../src/types.js";
/** Json is a frame or an answer. */
export type Json = Record<string, unknown>;
/** World is time, chance, the page and the server. */
export declare class World implements Env {
    #private;
    readonly server: FakeServer;
    hiddenPage: boolean;
    readonly backs: Set<() => void>;
    /** fixedRandom, where set, is what random returns. */
    fixedRandom: number | undefined;
    constructor(seed?: number);
    now: () => number;
    after: (ms: number, f: () => void) => () => void;
    random: () => number;
    hidden: () => boolean;
    onBack: (f: () => void) => () => boolean;
    /** chance is in [0, 1), by the seed (mulberry32). */
    chance(): number;
    /** upTo is a whole number of 0..n-1. */
    upTo(n: number): number;
    /** back is the page becoming visible, or the network returning. */
    back(): Promise<void>;
    get timers(): number;
    /** pass lets ms pass: each timer at its time, and what follows from it before the next. */
    pass(ms: number): Promise<void>;
    /** room makes a Room in this world, and a record of its events. */
    room(options?: Partial<RoomOptions>): {
        room: Room;
        seen: Seen;
    };
    /** joined makes a Room that is connected. */
    joined(options?: Partial<RoomOptions>): Promise<{
        room: Room;
        seen: Seen;
        line: FakeSocket;
    }>;
}
/** settled returns when all that is ready to happen has happened. */
export declare function settled(): Promise<void>;
/** Seen is all that a Room has said, in short. */
export declare class Seen {
    /** log has messages as "3", history as "h3", gaps as "gap 1-2 slow", and the rest by name. */
    readonly log: string[];
    readonly states: string[];
    readonly all: Array<{
        [E in keyof RoomEvents]: {
            event: E;
            args: RoomEvents[E];
        };
    }[keyof RoomEvents]>;
    constructor(room: Room);
    /** take returns the log and forgets it. */
    take(): string;
}
/** FakeSocket is a WebSocket with a wire of ms in each direction. */
export declare class FakeSocket implements WebSocketLike {
    #private;
    readonly protocols: string[];
    protocol: string;
    onopen: WebSocketLike["onopen"];
    onmessage: WebSocketLike["onmessage"];
    onclose: WebSocketLike["onclose"];
    onerror: WebSocketLike["onerror"];
    readonly url: URL;
    /** got is what the client has sent. */
    readonly got: Json[];
    readonly server: FakeServer;
    open: boolean;
    constructor(server: FakeServer, url: string, protocols: string[]);
    /** accept lets the handshake succeed. */
    accept(): void;
    /** say sends frames to the client. */
    say(...frames: Array<Json | string>): void;
    /** end closes with code at once; what is on the wire is lost. 1006 is a cut. */
    end(code: number): void;
    /** die breaks the wire without a word to either end. */
    die(): void;
    send(data: string): void;
    close(): void;
}
interface Stored {
    seq: number;
    kind: string;
    user_id: string;
    body: string;
    ts: number;
    id?: string;
    recalled?: boolean;
}
/** FakeServer is one room of a server that speaks barrage.v1, on a good or a bad day. */
export declare class FakeServer {
    #private;
    readonly world: World;
    readonly WebSocket: new (url: string, protocols: string[]) => FakeSocket;
    /** lines are all sockets ever made, members those that were welcomed and are there. */
    readonly lines: FakeSocket[];
    readonly members: Set<FakeSocket>;
    epoch: string;
    seq: number;
    online: number;
    likes: number;
    heartbeatMs: number;
    onJoin: number;
    wireMs: number;
    /** history is what HTTP and welcomes know; posted, by epoch, all that ever was. */
    history: Stored[];
    readonly posted: Map<string, Stored[]>;
    /** requests are the HTTP requests, without the server's address. */
    readonly requests: string[];
    /** refusals answer the next handshakes and what is asked about them; "cut" answers nothing. */
    refusals: Array<{
        status: number;
        body?: Json;
        headers?: Record<string, string>;
    } | "cut">;
    /** onHttp, where set, answers instead; undefined = as usual. */
    onHttp: ((path: string) => Response | Promise<Response> | undefined) | undefined;
    /** mute: what clients send is not answered. */
    mute: boolean;
    constructor(world: World);
    /** line is the newest socket. */
    get line(): FakeSocket;
    handshake(line: FakeSocket): void;
    left(line: FakeSocket): void;
    take(line: FakeSocket, frame: Json): void;
    /** store keeps a message and tells nobody. */
    store(body: string, { user, id }?: {
        user?: string;
        id?: string;
    }): Stored;
    /** post keeps a message and tells all members. */
    post(body: string, from?: {
        user?: string;
        id?: string;
    }): Stored;
    /** batch is the frame of from..to. */
    batch(from: number, to: number): Json;
    recall(seq: number): void;
    /** restartCounting starts a new epoch. */
    restartCounting(epoch: string): void;
    fetch: (input: unknown, init?: RequestInit) => Promise<Response>;
}
/** answer makes an HTTP answer. */
export declare function answer(status: number, body: unknown, headers?: Record<string, string>): Response;
export {};
