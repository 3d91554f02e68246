// The page behind a proxy that has the node below a path, and sends a Host of its own.

import assert from "node:assert/strict";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { desktop, launch, Pages } from "./browser.js";
import { Node } from "./node.js";

const prefix = "/live/chat";

let browser: Browser, pages: Pages, node: Node, proxy: Server;
const asked: string[] = []; // The requests beside the prefix.
const ends: (() => Promise<unknown>)[] = []; // Of the things that were started, also where the rest could not be.
before(async () => {
  browser = await launch();
  ends.push(() => browser.close());
  pages = new Pages(browser);
  // A token is needed, so that the page logs in; the page of the proxy is no origin that the node knows.
  node = await Node.start(undefined, { BARRAGE_AUTH_MODE: "redis", BARRAGE_CORS_ALLOWED_ORIGINS: "https://other.example", BARRAGE_SERVER_TRUSTED_PROXIES: "127.0.0.1" });
  ends.push(() => node.kill());
  proxy = await startProxy(new URL(node.url));
  ends.push(async () => proxy.close());
});
after(async () => {
  for (const end of ends) await end();
  assert.deepEqual(pages.errors, []);
});

/** startProxy passes on what comes below the prefix, as nginx does with proxy_pass http://node/ and its usual Host. */
async function startProxy(to: URL): Promise<Server> {
  const forward = ({ url = "", method, headers }: IncomingMessage) => {
    if (!url.startsWith(`${prefix}/`)) asked.push(url);
    return request({ host: to.hostname, port: to.port, path: url.slice(prefix.length), method, headers: { ...headers, host: "upstream", "x-forwarded-host": headers.host } });
  };
  const server = createServer((req, res) => {
    const up = forward(req).on("response", (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    up.on("error", () => res.destroy());
    req.pipe(up);
  });
  server.on("upgrade", (req, socket, head) => {
    const up = forward(req);
    up.on("upgrade", (answer, node, first) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`).join("")}\r\n`);
      socket.write(first);
      node.write(head);
      node.pipe(socket).pipe(node);
      for (const end of [node, socket]) end.on("error", () => [node, socket].forEach((s) => s.destroy()));
    });
    up.on("response", (answer) => socket.end(`HTTP/1.1 ${String(answer.statusCode)} Refused\r\nConnection: close\r\n\r\n`));
    up.on("error", () => socket.destroy());
    up.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

async function join(room: string, name: string): Promise<Page> {
  const page = await pages.open(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}/?room=${room}`, desktop);
  await page.fill("[name=name]", name);
  await page.press("[name=name]", "Enter");
  await page.locator("#state[data-state=open]").waitFor();
  return page;
}

test("the page logs in, chats and reads history below a path", async () => {
  const mia = await join("cats", "Mia");
  await mia.fill("#say", "from below");
  await mia.press("#say", "Enter");
  const jun = await join("cats", "Jun");
  await jun.locator("#rows .message", { hasText: "from below" }).waitFor();
  assert.deepEqual(asked.filter((url) => !url.includes("favicon")), [], "nothing is asked for beside the path");
});
