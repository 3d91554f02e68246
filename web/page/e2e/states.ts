// The states that the room page can be in, to be looked at by people and by axe. The server is made up here.

import type { BrowserContextOptions, Page } from "playwright-core";
import type { Alone } from "./alone.js";
import { type Line, lines } from "./line.js";

const modes = { v: "1", slow_ms: 0, frozen: false, who: "all", tags: [], first_delay_ms: 0, dup_s: 0, unique_s: 0, links: "allow", emote_only: false, max_caps: 0, pinned: null, cleared: 0 };
const you = { role: "", muted_until: 0, reason: "" };
export const viewer = { online: 1234, likes: 8417, can: ["read", "send", "like", "recall"], modes, you };
const moderator = { ...viewer, can: [...viewer.can, "moderate"], you: { ...you, role: "moderator" } };
const pinned = { seq: 1, kind: "chat", user_id: "阿杰", body: "Set list: The Curtain, 夜猫子, Encore", ts: Date.now(), id: "~p", user: { role: "owner" } };

export const said = [
  { user_id: "Léa", body: "that riff!!" },
  { user_id: "阿杰", body: "下一首是《夜猫子》，大家准备好了吗？", user: { role: "owner", name: "阿杰" } },
  { user_id: "Noah", body: "I was at the show in May, and this one is even better: the sound, the light, everything" },
  { user_id: "مريم", body: "أحلى أغنية في العالم 🎶" },
  { user_id: "Ivy", body: "No links, please, and be kind", user: { role: "moderator" } },
  { user_id: "Mia", body: "first row!" },
  { user_id: "Kenji", body: "🎁 ×10", kind: "gift" },
  { user_id: "小雨", body: "哈哈哈哈哈", user: { role: "vip" } },
  { user_id: "Oskar", body: "Who is on the drums?" },
  { user_id: "Priya", body: "@Mia same row, left of the stairs!", ext: { reply: { user_id: "Mia", id: "~6", name: "Mia", body: "first row!" } } },
];

/** Show opens the page in a state. */
type Show = (there: Alone, device: BrowserContextOptions) => Promise<Page>;

/** room opens one whose welcome says this, with people who have spoken, and does what then says. */
function room(welcome: object = viewer, then: (line: Line) => Promise<void> | void = () => {}, messages: object[] = said): Show {
  return async (there, device) => {
    const line = await lines(there)({}, device, undefined, welcome), { page } = line;
    if (messages.length) {
      line.batch(...messages);
      await page.locator("#rows .message").nth(messages.length - 1).waitFor();
    }
    await then(line);
    return page;
  };
}

const dialog = async ({ page }: Line, button: string, opens: string) => {
  await page.locator(button).last().dispatchEvent("click"); // Those of a row show only under a pointer.
  await page.locator(opens).waitFor();
};

/** states are all of them. */
export const states: Record<string, Show> = {
  door: async (there, device) => {
    const page = await there.pages.open(there.url, device);
    await page.locator("#door[open]").waitFor();
    return page;
  },
  live: room({ ...viewer, modes: { ...modes, pinned } }),
  empty: room(viewer, undefined, []),
  guest: room({ ...viewer, guest: true, can: ["read"] }),
  offline: room(viewer, async ({ page }) => {
    await page.routeWebSocket(/\/v1\/rooms\//, () => {}); // The made up server would be there all the same.
    await page.context().setOffline(true);
    await page.locator("#state[data-state=waiting]").waitFor();
    await page.fill("#say", "are you there?");
    await page.press("#say", "Enter");
    await page.locator("#rows .sending").waitFor();
  }),
  muted: room({ ...viewer, you: { ...you, muted_until: Date.now() + 100_000, reason: "spam" } }),
  banned: room(viewer, async ({ page, close }) => {
    await page.route(/\/v1\/rooms\//, (route) => route.fulfill({ status: 403, json: { error: { code: "banned", message: "banned", until: Date.now() + 86_400_000, reason: "spam, again" } } }));
    close(4403, "banned");
    await page.locator("#state[data-state=closed]").waitFor();
  }),
  slow: room({ ...viewer, modes: { ...modes, slow_ms: 30_000 } }),
  frozen: room({ ...viewer, modes: { ...modes, frozen: true } }, ({ batch }) => batch({ kind: "system", user_id: "", body: "Ten minutes of break, the bar is open" })),
  storm: room(viewer, async ({ page, say }) => {
    say({ t: "storm", shown: 40, offered: 1000, level: 2, ms: 1000 });
    await page.locator("#storm:not([hidden])").waitFor();
  }),
  moderator: room(moderator, async ({ page, say }) => {
    say({ t: "held", held: "4e0740-1", state: "waiting", user_id: "Eve", id: "c-1", why: "filter", until: Date.now() + 3_600_000, messages: [{ seq: 0, kind: "chat", user_id: "Eve", body: "buy my rats", ts: Date.now(), id: "c-1" }] });
    await page.locator("#held").waitFor();
  }),
  answer: room(viewer, (line) => dialog(line, "#rows .answer", "#answering")),
  settings: room(viewer, (line) => dialog(line, "#tune", "#settings[open]")),
  menu: room(moderator, (line) => dialog(line, "#rows .menu", "#acts[open]")),
};
