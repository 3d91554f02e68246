// Messages that wait for a moderator, as moderators and their sender see them. The server is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContextOptions } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, focused, phone, shoot } from "./browser.js";
import { type Line, lines, type Op } from "./line.js";

const there = alone(), enter = lines(there);

const chinese = { ...phone, locale: "zh-CN" } satisfies BrowserContextOptions;
const moderator = { can: ["read", "send", "like", "recall", "moderate"], you: { role: "moderator", muted_until: 0, reason: "" } };

const waiting = (n: number, body = `rats ${n}`, until = Date.now() + 3_600_000, more: object = {}) => ({
  t: "held", held: `4e0740-${n}`, state: "waiting", user_id: "Eve", id: `c-${n}`, why: "filter", until,
  messages: [{ seq: 0, kind: "chat", user_id: "Eve", body, ts: Date.now(), id: `c-${n}`, ...more }],
});
const decided = (n: number, state: string, user = "Eve", id = `c-${n}`) => ({ t: "held", held: `4e0740-${n}`, state, user_id: user, id, why: "filter", until: 0, messages: [] });

for (const [device, two, one, approve, deny, done] of [
  [desktop, "2 messages wait for a moderator", "1 message waits for a moderator", "Let through", "Deny", "Done: Let through"],
  [chinese, "2 条消息等待审核", "1 条消息等待审核", "通过", "拒绝", "已完成：通过"],
] as const) {
  test(`moderators see what waits, and decide: ${two}`, async () => {
    const ops: Op[] = [];
    let code = "";
    const { page, say } = await enter({}, device, (op, line) => {
      if (op.t !== "mod") return;
      ops.push(op);
      line.say(code ? { t: "refused", id: op["id"], code, message: "an English sentence", retry_after_ms: 0 } : { t: "done", id: op["id"], verb: op["verb"], n: 0 });
    }, moderator);
    assert.ok(await page.locator("#held").isHidden());
    say(waiting(1, "<b>rats</b>", undefined, { ext: { gift: "<i>rats</i>" } }));
    say(waiting(2));
    say(waiting(2)); // twice, by a reconnect perhaps
    await page.locator("#heldCount", { hasText: two }).waitFor();
    assert.equal(await page.locator("#heldRows li").count(), 2);
    assert.equal(await page.locator("#heldRows .body").first().textContent(), "<b>rats</b>", "texts of users are text");
    assert.deepEqual(await page.locator("#heldRows small").allTextContents(), ['{"gift":"<i>rats</i>"}'], "what it has besides may be why");
    await shoot(page, `held-${device.viewport.width}`);
    const button = (n: number, name: string) => page.locator("#heldRows li").nth(n).getByText(name, { exact: true });
    await button(0, approve).focus();
    await button(0, approve).press("Enter");
    await page.locator("#notice", { hasText: done }).waitFor();
    await page.locator("#heldCount", { hasText: one }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.closest("#heldRows") !== null), true, "the focus goes to the next one");
    code = "not_found"; // another moderator was faster
    await button(0, deny).click();
    await page.locator("#held").waitFor({ state: "hidden" });
    assert.equal(await focused(page), "log");
    assert.deepEqual(ops.map(({ verb, held }) => [verb, held]), [["approve", "4e0740-1"], ["deny", "4e0740-2"]]);

    say(waiting(3));
    say(waiting(4));
    say(decided(3, "denied")); // by somebody else
    await page.locator("#heldCount", { hasText: one }).waitFor();
    say({ t: "you", role: "", muted_until: 0, reason: "", can: ["read", "send"] });
    await page.locator("#held").waitFor({ state: "hidden" });
    await page.context().close();
  });
}

test("what has waited for its time goes, and what waited before one came is there", async () => {
  const { page, say } = await enter({}, desktop, undefined, { can: ["read", "send"] });
  say(waiting(9)); // to somebody who is no moderator: no node sends it
  await page.route(/\/mod\/held/, (route) => route.fulfill({ json: { held: [waiting(1), waiting(2, "soon over", Date.now() + 8000)] } }));
  say({ t: "you", role: "moderator", muted_until: 0, reason: "", can: moderator.can });
  await page.locator("#heldRows li").nth(1).waitFor();
  await page.locator("#heldRows li", { hasText: "soon over" }).waitFor({ state: "detached" });
  assert.equal(await page.locator("#heldRows li").count(), 1);
  await page.context().close();
});

for (const [device, waits, denied] of [[desktop, "waiting for a moderator", "a moderator did not let it through"], [chinese, "等待管理员审核", "管理员未予通过"]] as const) {
  test(`one's own message says that it waits, and what became of it: ${waits}`, async () => {
    const ids: string[] = [];
    const { page, say, batch } = await enter({}, device, (op: Op, line: Line) => {
      if (op.t !== "send") return;
      ids.push(String(op["id"]));
      line.say({ t: "refused", id: op["id"], code: "held", message: "an English sentence", retry_after_ms: 0 });
    });
    for (const body of ["one", "two"]) {
      await page.fill("#say", body);
      await page.press("#say", "Enter");
      await page.locator("#rows .message.waits", { hasText: body }).waitFor();
    }
    assert.equal(await page.inputValue("#say"), "");
    assert.match((await page.textContent("#rows .message.waits"))!, new RegExp(waits));
    say(decided(1, "approved", "Mia", ids[0]));
    batch({ user_id: "Mia", body: "one", id: ids[0] });
    await page.locator("#rows .message:not(.waits)", { hasText: "one" }).waitFor();
    await page.locator("#rows .message.waits", { hasText: "one" }).waitFor({ state: "detached" });
    say(decided(2, "denied", "Mia", ids[1]));
    await page.locator("#rows .message.waits", { hasText: denied }).waitFor();
    await shoot(page, `held-own-${device.viewport.width}`);
    await page.context().close();
  });
}
