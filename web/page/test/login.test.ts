// The choice of the token, and the time of a login.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Login, LoginError } from "../src/login.js";

const kept = new Map<string, string>();
let logins = 0, asked = "", answer: () => Response | Promise<Response>;

beforeEach(() => {
  kept.clear();
  logins = 0;
  answer = () => new Response(JSON.stringify({ token: `t${logins}` }));
  Object.assign(globalThis, {
    localStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) },
    location: new URL("https://example.com/live/chat/?room=r"),
    fetch: async (url: URL) => (logins++, asked = url.href, answer()),
  });
});

const saved = () => kept.get("barrage.token.ann");

test("the first token is that of a login, then the saved one, which all tabs use", async () => {
  const here = new Login("ann", ""), there = new Login("ann", "");
  assert.deepEqual([await here.token(), await here.token(), await there.token(), saved(), logins], ["t1", "t1", "t1", "t1", 1]);
  assert.equal(asked, "https://example.com/live/chat/v1/login", "below the path where the page stands");
});

test("a spent token is followed by another tab's, or else by that of a new login", async () => {
  const here = new Login("ann", ""), there = new Login("ann", "");
  await here.token();
  await there.token();
  for (const login of [here, there]) login.spend();
  assert.deepEqual([await here.token(), await there.token(), logins], ["t2", "t2", 2]);
});

test("another tab's token is known to be another one", async () => {
  const here = new Login("ann", ""), there = new Login("ann", "");
  await here.token();
  assert.equal(here.other, false);
  await there.renew();
  assert.equal(here.other, true);
  assert.equal(await here.token(), "t2");
  assert.equal(here.other, false);
  kept.clear();
  assert.equal(here.other, false);
});

test("a forgotten token is not begun with again; one that another tab has saved since is not forgotten", async () => {
  const here = new Login("ann", ""), there = new Login("ann", "");
  await here.token();
  await there.renew();
  here.forget();
  assert.equal(saved(), "t2");
  await here.token();
  here.forget();
  assert.equal(saved(), undefined);
});

test("a refused login is an error; with a spent token it is that again, for whoever uses it hears why it ended", async () => {
  const login = new Login("ann", "");
  answer = () => new Response("", { status: 401 });
  await assert.rejects(login.token(), (err) => err instanceof LoginError && err.refused);
  kept.set("barrage.token.ann", "old");
  assert.equal(await login.token(), "old");
  login.forget();
  assert.equal(await login.token(), "old");
  assert.equal(logins, 2);
});

test("a login that is not answered, or comes too soon, is no refusal", async () => {
  const login = new Login("ann", "");
  for (const status of [500, 503, 429]) {
    answer = () => new Response("", { status });
    await assert.rejects(login.token(), (err) => err instanceof LoginError && !err.refused);
  }
  answer = () => Promise.reject(new TypeError("no network"));
  await assert.rejects(login.token(), (err) => err instanceof LoginError && !err.refused);
});

test("a browser that keeps nothing logs in once all the same", async () => {
  Object.assign(globalThis, { localStorage: undefined });
  const login = new Login("ann", "");
  assert.deepEqual([await login.token(), await login.token(), logins], ["t1", "t1", 1]);
  login.forget();
  assert.equal(await login.token(), "t2");
});
