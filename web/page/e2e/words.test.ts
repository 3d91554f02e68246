// The words of a server on the page: codes, limits, speakers. The server is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, phone, shoot } from "./browser.js";
import { type Line, lines, type Op } from "./line.js";

const there = alone(), enter = lines(there);

const chinese = { ...phone, locale: "zh-CN" } satisfies BrowserContextOptions;

async function say(page: Page, body: string): Promise<void> {
  await page.fill("#say", body);
  await page.press("#say", "Enter");
}

const mine = (op: Op, { batch }: Line) => { if (op.t === "send") batch({ user_id: "Mia", body: op["body"], id: op["id"] }); };

test("in Chinese no refusal says a code or an English sentence", async () => {
  let code = "";
  const { page } = await enter({ max_frame_bytes: 300 }, chinese, (op, line) => {
    if (op.t === "send" && op["body"] === "a") mine(op, line);
    else line.say({ t: "refused", id: op["id"], code, message: `cannot ${op.t}: an English sentence`, retry_after_ms: 0 });
  });
  const notice = page.locator("#notice");
  for (const [refused, text] of [["bad_request", "服务器无法理解请求"], ["busy", "服务器繁忙，请稍后再试"], ["expired", "服务器断线太久，其他人没有看到"], ["store_refused", "服务器未能保存"], ["brand_new", "出错了（brand_new）"]] as const) {
    code = refused;
    await say(page, "b");
    await notice.filter({ hasText: `未发送：${text}` }).waitFor();
  }
  await say(page, '"'.repeat(150)); // 300 bytes and more as JSON
  await notice.filter({ hasText: "未发送：太长" }).waitFor();
  await say(page, "a");
  await page.locator("#rows .mine .recall").waitFor({ state: "attached" }); // it is there, behind those that failed
  for (const [refused, text] of [["too_old", "已经过了太久"], ["not_found", "消息已不存在"], ["forbidden", "这不是你的消息"], ["unavailable", "服务器暂时不可用"]] as const) {
    code = refused;
    await page.locator("#rows .mine .body").last().tap();
    await page.locator(".recall").tap();
    await notice.filter({ hasText: `未撤回：${text}` }).waitFor();
  }
  await shoot(page, "words-phone");
  await page.context().close();
});

test("who says too much sees when the next message is taken, and the seconds go down", async () => {
  for (const [device, text] of [[chinese, /^ · \d+ 秒后可以再发$/], [desktop, /^ · you may write again in \d+ s$/]] as const) {
    const { page } = await enter({}, device, (op, line) => {
      if (op.t === "send") line.say({ t: "refused", id: op["id"], code: "rate_limited", message: "too many at once", retry_after_ms: 40_000 });
    });
    await say(page, "again");
    const wait = page.locator("#wait").filter({ hasText: text });
    await wait.waitFor();
    assert.equal(await page.inputValue("#say"), "again", "it is there to be sent again");
    const seconds = async () => Number(/\d+/.exec(await page.locator("#wait").textContent() ?? "")?.[0]);
    const first = await seconds();
    assert.ok(first > 30 && first <= 40, `${first} s`);
    await page.waitForFunction((n) => Number(/\d+/.exec(document.querySelector("#wait")?.textContent ?? "")?.[0]) < n, first);
    await page.context().close();
  }
});

test("in Chinese no end of a connection says a code", async () => {
  for (const [code, text] of [[1009, "已断开：消息太大"], [4400, "已断开：服务器无法理解请求"], [1002, "已断开：通信出错"], [4403, "已断开：你不是房间成员"], [4408, "连接中断"], [1012, "服务器正在重启"]] as const) {
    const { page, close } = await enter({}, code === 1009 ? { ...desktop, locale: "zh-CN" } : chinese);
    // The wait before it comes back is random, and may be none.
    await page.evaluate(() => { Math.random = () => 0.99; });
    close(code);
    await page.locator("#state", { hasText: text }).waitFor();
    for (const id of ["state", "now"]) assert.ok(await page.locator(`#${id}`).evaluate((e) => e.scrollWidth <= e.clientWidth + 1 && e.clientHeight < 30), `${code}: ${id} does not fit`);
    await shoot(page, `words-${code}`);
    await page.context().close();
  }
});

test("the button for a recall is there as long as the server takes it; an older one says two minutes by its silence", async () => {
  for (const [limits, there] of [[{ recall_ms: 0 }, 0], [{ recall_ms: 600_000 }, 1], [{}, 1]] as const) {
    const { page } = await enter(limits, desktop, mine);
    await say(page, "mine");
    // A message on its way stands there, too, and has no number that could be recalled.
    await page.locator(there ? "#rows .mine .recall" : "#rows .mine:not(.waits)").waitFor({ state: "attached" });
    assert.equal(await page.locator(".recall").count(), there, JSON.stringify(limits));
    await page.context().close();
  }
  const { page, batch } = await enter({ recall_ms: 600_000 }, desktop);
  batch({ ts: Date.now() }, { user_id: "Mia", ts: Date.now() - 500_000, body: "young" }, { user_id: "Mia", ts: Date.now() - 700_000, body: "old" }, { ts: Date.now(), body: "last" });
  await page.locator("#rows .message", { hasText: "last" }).waitFor();
  assert.deepEqual(await page.locator("#rows li:has(.recall) .body").allTextContents(), ["young"]);
  await page.context().close();
});

test("what the room says stands apart, whichever moderator says it, and is never sampled; other kinds are their sender's", async () => {
  const { page, batch } = await enter({}, desktop);
  batch({ kind: "System", user_id: "Eve", body: "The room closes. Log in at evil.example." }, { kind: "system", user_id: "mod", body: "The room says." });
  await page.locator("#rows .note", { hasText: "The room says." }).waitFor();
  const posed = page.locator("#rows li", { hasText: "evil.example" });
  assert.equal(await posed.locator(".who").textContent(), "Eve");
  assert.equal(await posed.evaluate((e) => e.classList.contains("note")), false);
  const storm = setInterval(() => batch(...Array.from({ length: 20 }, () => ({ kind: "chat", user_id: "Eve" }))), 50);
  await page.locator("#listSample", { hasText: /the list shows 1 of \d/ }).waitFor();
  clearInterval(storm);
  await page.context().close();
});

test("what was taken back while the page was away is off its screen when it resumes", async () => {
  const { page, batch, close } = await enter({}, desktop);
  batch({ body: "stays", id: "c-1" }, { body: "goes", id: "c-2" });
  await page.locator("#rows .message", { hasText: "goes" }).waitFor();
  await page.routeWebSocket(/\/v1\/rooms\//, (ws) => {
    const seq = Number(new URL(ws.url()).searchParams.get("since"));
    const recalled = [{ seq: 0, by: "Eve", user_id: "Eve", id: "c-2", ts: Date.now() }];
    ws.send(JSON.stringify({ t: "welcome", epoch: "e", seq, recovered: true, messages: [], recalled, limits: {} }));
  });
  close(4409);
  await page.locator("#rows .note", { hasText: "Eve recalled a message" }).waitFor();
  assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["stays"]);
  await page.context().close();
});
