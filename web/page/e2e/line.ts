// A room for one page, whose server is made up.

import type { BrowserContextOptions, Page, WebSocketRoute } from "playwright-core";
import type { Alone } from "./alone.js";

/** Line is the server's end of the page's socket. */
export interface Line {
  page: Page;
  /** say sends a frame. */
  say: (frame: object) => void;
  /** batch sends messages with these fields. */
  batch: (...messages: object[]) => void;
  close: (code: number, reason?: string) => void;
}

/** Op is a frame of the page. */
export type Op = Record<string, unknown> & { t: string };

/**
 * Enter opens a room whose server welcomes with these limits, and with what else the welcome says, and answers ops with
 * answer.
 */
type Enter = (limits: object, device: BrowserContextOptions, answer?: (op: Op, line: Line) => void, welcome?: object) => Promise<Line>;

/** lines makes rooms for the page that is there. */
export function lines(there: Alone): Enter {
  return (limits, device, answer = () => {}, welcome = {}) => enter(there, limits, device, answer, welcome);
}

async function enter(there: Alone, limits: object, device: BrowserContextOptions, answer: (op: Op, line: Line) => void, welcome: object): Promise<Line> {
  let socket: WebSocketRoute | undefined, seq = 0;
  const say = (frame: object) => socket!.send(JSON.stringify(frame));
  const line: Line = {
    page: undefined!, say,
    batch: (...messages) => say({ t: "batch", epoch: "e", seq: seq + 1, messages: messages.map((m) => ({ seq: ++seq, kind: "chat", user_id: "Eve", body: "hi", ts: Date.now(), id: `~${seq}`, ...m })) }),
    close: (code, reason = "") => void socket!.close({ code, reason }),
  };
  line.page = await there.pages.open(`${there.url}?room=r&name=Mia`, device, async (page) => {
    await page.route("**/v1/login", (route) => route.fulfill({ json: { token: "t", expires_in_ms: 1e9 } }));
    await page.route(/\/v1\/rooms\//, (route) => route.fulfill({ json: { epoch: "e", messages: [] } }));
    await page.routeWebSocket(/\/v1\/rooms\//, (ws) => {
      socket = ws;
      ws.onMessage((data) => answer(JSON.parse(String(data)) as Op, line));
      say({ t: "welcome", room: "r", user_id: "Mia", node: "n", epoch: "e", seq, online: 1, likes: 0, total: 0, recovered: false, messages: [], heartbeat_ms: 0, limits: { max_body_bytes: 4096, ...limits }, ...welcome });
    });
  });
  await line.page.locator("#state[data-state=open]").waitFor();
  return line;
}
