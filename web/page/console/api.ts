// The calls of the admin port, with the key of whoever sits here.

import { load, save } from "../src/prefs.js";
import { isText, t } from "./texts.js";

const patience = 10_000; // ms that a call may take: the node gives Redis less.

/** Failed is why a call did not go: the node's refusal, or status 0 where it does not answer. */
export class Failed extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }

  /**
   * words say it in the language of the page; the node's own sentence, which is English, goes with what is less plain.
   */
  get words(): string {
    const key = `why_${this.code}`, own = isText(key) ? t(key) : t("why_other", { code: this.code });
    return ["forbidden", "bad_request"].includes(this.code) || !isText(key) ? `${own} (${this.message})` : own;
  }
}

/** wordsOf says why something failed. */
export function wordsOf(err: unknown): string {
  return err instanceof Failed ? err.words : String(err);
}

/** Api makes calls. Addresses are relative to the page, which may stand behind a prefix. */
export class Api {
  private key = load("console.key", "sessionStorage");
  /** locked is called when the node wants a key, or knows none such. */
  locked: (wrong: boolean) => void = () => {};

  /** keyed says that there is a key. */
  get keyed(): boolean {
    return this.key !== "";
  }

  /** use has later calls show this key, which the tab keeps; "" forgets it. */
  use(key: string): void {
    this.key = key;
    save("console.key", key, "sessionStorage");
  }

  /** get asks for something. */
  get<T>(path: string): Promise<T> {
    return this.call<T>("GET", path);
  }

  /** post has something done. */
  post<T>(path: string, body?: object): Promise<T> {
    return this.call<T>("POST", path, body);
  }

  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) };
    const key = this.key;
    let response: Response, text: string;
    try {
      response = await fetch(`v1/admin/${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}), cache: "no-store", signal: AbortSignal.timeout(patience) });
      text = await response.text();
    } catch {
      throw new Failed(0, "offline", "");
    }
    if (response.status === 401 && key === this.key) this.locked(this.keyed);
    if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
    throw refusalOf(response.status, text);
  }
}

function refusalOf(status: number, text: string): Failed {
  try {
    const { code, message } = (JSON.parse(text) as { error: { code: string; message: string } }).error;
    return new Failed(status, code, message);
  } catch { // A proxy's page, or the port's own guard.
    return new Failed(status, status === 403 ? "forbidden" : status >= 500 ? "offline" : String(status), text.trim().slice(0, 200));
  }
}

/** part is one part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Modes are a room's modes as the node writes them. */
export interface Modes {
  readonly slow_ms: number;
  readonly frozen: boolean;
  readonly who: string;
  readonly tags: readonly string[];
  readonly min_level: number;
  readonly first_delay_ms: number;
  readonly dup_s: number;
  readonly unique_s: number;
  readonly links: string;
  readonly emote_only: boolean;
  readonly max_caps: number;
  readonly review: string;
  readonly pinned: Message | null;
}

/** Message is one message; a recalled one has its number alone. */
export interface Message {
  readonly seq: number;
  readonly recalled?: boolean;
  readonly kind: string;
  readonly user_id: string;
  readonly body: string;
  readonly ts: number;
  readonly id: string;
  readonly user?: Record<string, unknown>;
  readonly ext?: unknown;
}

/** Page is a page of a room's history. */
export interface Page {
  readonly epoch: string;
  readonly seq: number;
  readonly messages: readonly Message[];
}

/** Figures are what nodes count of a room. */
export interface Figures {
  readonly online: number;
  readonly rate: number;
  readonly level: number;
  readonly wanted: number;
  readonly shown: number;
}

/** RoomFigures are those of one of the list. */
export interface RoomFigures extends Figures {
  readonly room: string;
  readonly modes?: readonly string[];
}

/** Measure is one that is in force; room "" is everywhere. */
export interface Measure {
  readonly user_id?: string;
  readonly address?: string;
  readonly what: string;
  readonly until: number;
  readonly reason: string;
  readonly by: string;
  readonly role?: string;
  readonly room?: string;
}

/** Order is what is in force in a room. */
export interface Order {
  readonly modes: Modes;
  readonly users: readonly Measure[];
}

/** Held is a message that waits for a decision. */
export interface Held {
  readonly held: string;
  readonly user_id: string;
  readonly why: string;
  readonly until: number;
  readonly messages: readonly Message[];
}

/** Entry is one of the log. */
export interface Entry {
  readonly id: string;
  readonly at: number;
  readonly by: string;
  readonly verb: string;
  readonly target?: string;
  readonly reason?: string;
  readonly seq?: number;
  readonly since?: number;
  readonly until?: number;
  readonly n?: number;
  readonly body?: string;
  readonly gives?: string;
  readonly modes?: Record<string, unknown>;
}

/** Log is a page of the log, the newest first. */
export interface Log {
  readonly entries: readonly Entry[];
  readonly next?: string;
}

/** UserInfo is a user over all nodes. */
export interface UserInfo {
  readonly nodes: readonly { readonly node: string; readonly n: number; readonly sockets: readonly Socket[] }[];
  readonly measures: readonly Measure[];
}

/** Socket is one of theirs. */
export interface Socket {
  readonly room: string;
  readonly since: number;
  readonly address?: string;
  readonly role: string;
  readonly guest: boolean;
}

/** Done is what became of a verb. */
export interface Done {
  readonly n: number;
}
