// The package as npm packs it, installed in fresh projects that use it as people do, and run as they build it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as playwright from "playwright-core";
import webpack from "webpack";
import WebSocket from "ws";
import { Room, type WebSocketClass } from "../../src/index.js";
import { chromium } from "../program.js";
import { eventually, Gateway } from "./gateway.js";

const run = promisify(execFile), here = resolve("node_modules");
const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noPropertyAccessFromIndexSignature: true, isolatedModules: true, verbatimModuleSyntax: true };

let home = ""; // all projects stand below it: packages installed there are theirs
before(async () => {
  home = mkdtempSync(join(tmpdir(), "barrage-package-"));
  const packed = JSON.parse((await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home])).stdout) as Array<{ filename: string }>;
  write("package.json", JSON.stringify({ private: true }));
  await run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", `./${packed[0]!.filename}`], { cwd: home });
  // The other packages of a project come from here: tests need no network.
  for (const name of ["react", "react-dom", "@types/react", "@types/react-dom", "vue", "ws", "@types/ws", "@types/node"]) {
    mkdirSync(dirname(join(home, "node_modules", name)), { recursive: true });
    symlinkSync(join(here, name), join(home, "node_modules", name));
  }
});
after(() => rmSync(home, { recursive: true, force: true }));

/** write writes a file of a project. */
function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** compile has tsc look at a project, which may write JavaScript. */
async function compile(project: string, options: object): Promise<void> {
  write(`${project}/tsconfig.json`, JSON.stringify({ compilerOptions: { ...strict, types: [], ...options }, include: ["*.ts", "*.tsx"] }));
  await run(join(here, ".bin/tsc"), ["-p", join(home, project)]).catch((err: { stdout: string }) => assert.fail(`${project}: ${err.stdout}`));
}

/** node runs a file of a project, and returns what it says. */
async function node(path: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(home, path), ...args], { timeout: 30_000 });
  return stdout.trim();
}

test("what is packed: the licence, the readme, what the exports name, and nothing of the source", () => {
  const root = join(home, "node_modules/barrage-client"), names = readdirSync(root, { recursive: true }).map(String).filter((name) => statSync(join(root, name)).isFile());
  for (const name of ["LICENSE", "README.md", "package.json"]) assert.ok(names.includes(name), name);
  assert.ok(names.every((name) => name.startsWith("dist/") || !name.includes("/")), names.join(" "));
  assert.deepEqual(readFileSync(join(root, "LICENSE")), readFileSync("../../LICENSE"));
  const meta = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { private?: boolean; license: string; repository: object; exports: object; typesVersions: { "*": object }; main: string; module: string; types: string };
  assert.ok(!meta.private && meta.license === "Apache-2.0" && meta.repository);
  const named = [...JSON.stringify([meta.exports, meta.typesVersions, meta.main, meta.module, meta.types]).matchAll(/"(?:\.\/)?(dist\/[^"]+)"/g)].map((m) => m[1]!);
  assert.ok(named.length > 20);
  for (const name of named) assert.ok(names.includes(name), `${name} is named and not there`);
});

test("types: strict TypeScript without the types of pages and of Node, as a module and as CommonJS, in old and new ways to resolve", async () => {
  const code = `import { Room, RoomStore, SendError, forGood, type Message, type RoomOptions, type RoomView } from "barrage-client";
    const options: RoomOptions = { room: "42", url: "ws://h", getToken: async () => "t" };
    export async function say(log: (text: string) => void): Promise<number> {
      const room = new Room(options);
      room.on("message", (message: Message, { history }) => log(\`\${message.seq} \${history}\`));
      room.on("state", (state) => log(state.name satisfies "idle" | "connecting" | "open" | "waiting" | "closed"));
      try { return (await room.send("hi", { ext: { a: 1 } })).seq; } catch (err) { return err instanceof SendError ? err.code.length : forGood; }
    }
    export const view: RoomView = new RoomStore({ ...options, keep: 10 }).view();\n`;
  const bare = { lib: ["es2022"], target: "es2022", skipLibCheck: false };
  for (const [name, type] of [["types-esm", "module"], ["types-cjs", "commonjs"]] as const) {
    write(`${name}/package.json`, JSON.stringify({ type }));
    write(`${name}/main.ts`, code);
    await compile(name, { ...bare, module: "nodenext", ...(type === "commonjs" ? { verbatimModuleSyntax: false } : {}) });
  }
  assert.match(readFileSync(join(home, "types-cjs/main.js"), "utf8"), /require\("barrage-client"\)/);
  write("types-bundler/main.ts", code);
  await compile("types-bundler", { ...bare, module: "esnext", moduleResolution: "bundler", noEmit: true });
});

test("in Node: as a module, as CommonJS (so Jest), and from what TypeScript makes of both", async (t) => {
  const gateway = await Gateway.start(t), url = `ws://127.0.0.1:${gateway.port}`;
  const use = `const room = new Room({ url: process.argv[2], room: "package", userId: "ann", token: "t", WebSocket });
    room.connect();
    room.send("from " + process.argv[3]).then(({ seq }) => (room.close(), console.log(seq)));\n`;
  write("esm/main.mjs", `import { Room } from "barrage-client";\nimport WebSocket from "ws";\n${use}`);
  write("cjs/main.cjs", `const { Room } = require("barrage-client");\nconst WebSocket = require("ws");\n${use}`);
  write("cjs/same.cjs", `const { RoomStore, BarrageError } = require("barrage-client");\nconst { Overlay } = require("barrage-client/overlay");
    try { new Overlay(undefined, { look: "x" }); } catch (err) { console.log(err instanceof BarrageError && typeof RoomStore); }\n`);
  write("ts-cjs/package.json", "{}");
  write("ts-cjs/main.ts", `import WebSocket = require("ws");\nimport { Room } from "barrage-client";\n${use.replace("process.argv[2]", "process.argv[2]!").replace("token: \"t\", WebSocket", "token: \"t\", WebSocket: WebSocket as never")}`);
  await compile("ts-cjs", { module: "nodenext", target: "es2022", types: ["node"], verbatimModuleSyntax: false, skipLibCheck: true });
  for (const [i, path] of ["esm/main.mjs", "cjs/main.cjs", "ts-cjs/main.js"].entries()) assert.equal(await node(path, url, path), String(i + 1));
  assert.equal(await node("cjs/same.cjs"), "function", "the errors of all parts are of one class");
});

test("pages that are rendered on a server: nothing needs a window, neither to import nor to render", async () => {
  write("ssr/main.mjs", `import { createElement } from "react";
    import { renderToString } from "react-dom/server";
    import { createSSRApp, h } from "vue";
    import { renderToString as renderVue } from "vue/server-renderer";
    import { useRoom } from "barrage-client/react";
    import { useRoom as useVue } from "barrage-client/vue";
    import { BarrageRoom } from "barrage-client/element";
    import { Overlay } from "barrage-client/overlay";
    const options = { room: "42", url: "ws://h", getToken: () => "t" };
    const text = ({ state, messages }) => state.name + messages.length;
    console.log(renderToString(createElement(() => createElement("p", null, text(useRoom(options))))));
    console.log(await renderVue(createSSRApp({ setup() { const { state, messages } = useVue(options); return () => h("p", state.value.name + messages.value.length); } })));
    console.log(typeof BarrageRoom, typeof Overlay, typeof window, typeof document);\n`);
  assert.equal(await node("ssr/main.mjs"), "<p>idle0</p>\n<p>idle0</p>\nfunction function undefined undefined");
});

/** apps are pages of a project of Vite's; each sets window.shown to what it shows. */
const apps: Record<string, string> = {
  "react.tsx": `import { StrictMode, useEffect, useState } from "react";
    import { createRoot } from "react-dom/client";
    import { useRoom } from "barrage-client/react";
    const url = new URLSearchParams(location.search).get("url")!;
    let frames = 0, renders = 0;
    const count = () => { frames++; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    function App({ room }: { room: string }) {
      const { messages, online, state, send, like, error } = useRoom({ url, room, userId: "react", getToken: async () => "t", keep: 100 });
      renders++;
      useEffect(() => { if (state.name === "open") send("from React").catch(() => {}); }, [state.name]);
      useEffect(() => { Object.assign(window, { shown: { bodies: messages.map((m) => m.body), online, renders, frames, room, error: error?.code }, like }); });
      return <p>{state.name}</p>;
    }
    function Switch() {
      const [room, setRoom] = useState("package-react");
      useEffect(() => { Object.assign(window, { setRoom }); });
      return <App room={room} />;
    }
    createRoot(document.body).render(<StrictMode><Switch /></StrictMode>);\n`,
  "vue.ts": `import { createApp, h, ref, watchEffect } from "vue";
    import { useRoom } from "barrage-client/vue";
    const url = new URLSearchParams(location.search).get("url")!, room = ref("package-vue");
    const app = createApp({
      setup() {
        const { messages, online, state, send } = useRoom(() => ({ url, room: room.value, userId: "vue", getToken: () => "t" }));
        watchEffect(() => { if (state.value.name === "open") send("from Vue").catch(() => {}); });
        watchEffect(() => { Object.assign(window, { shown: { bodies: messages.value.map((m) => m.body), online: online.value, room: room.value } }); });
        return () => h("p", state.value.name);
      },
    });
    app.mount(document.body);
    Object.assign(window, { setRoom: (next: string) => { room.value = next; }, leave: () => app.unmount() });\n`,
  "element.ts": `import type { BarrageRoom } from "barrage-client/element";
    const url = new URLSearchParams(location.search).get("url")!, room = document.createElement("barrage-room") as BarrageRoom;
    for (const [name, value] of [["url", url], ["room", "package-element"], ["user-id", "element"], ["look", "both"]] as const) room.setAttribute(name, value);
    room.getToken = () => "t"; // before there is such an element
    room.style.height = "300px";
    document.body.append(room);
    const look = () => {
      const canvas = room.shadowRoot?.querySelector("canvas"), rows = [...room.shadowRoot?.querySelectorAll(".barrage-row") ?? []];
      const flies = canvas && canvas.width > 0 && canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data.some((x) => x > 0);
      const color = rows[0] && getComputedStyle(rows[0]).color;
      Object.assign(window, { shown: { bodies: rows.map((row) => row.querySelector(".barrage-text")!.textContent), flies, color } });
      requestAnimationFrame(look);
    };
    look();
    Object.assign(window, { element: room });
    void import("barrage-client/element");\n`,
  "replay.ts": `import { Overlay } from "barrage-client/overlay";
    import { readExport, Replay } from "barrage-client/replay";
    const place = document.createElement("div"), text = (seq: number) => JSON.stringify({ seq, kind: "chat", user_id: "u", body: "m" + seq, ts: 1e12 + seq * 1000, id: "i" + seq });
    document.body.append(place);
    const replay = new Replay({ currentTime: 9 }, readExport(text(1) + "\\n" + text(9)), { t0: 1e12 });
    new Overlay(place, { look: "fly", fadeMs: 5000 }).show(replay);
    replay.start();
    setInterval(() => Object.assign(window, { shown: { bodies: [...document.querySelectorAll(".barrage-text")].map((e) => e.textContent), color: getComputedStyle(place.firstElementChild!).position } }), 10);\n`,
  "worker.ts": `const url = new URLSearchParams(location.search).get("url")!, worker = new Worker(new URL("./in-worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => Object.assign(window, { shown: { bodies: data } });
    worker.postMessage(url);\n`,
};
const inWorker = `import { Room } from "barrage-client";
    onmessage = ({ data }) => {
      const room = new Room({ url: data, room: "package-worker", userId: "worker", token: "t" }), bodies: string[] = [];
      room.on("message", ({ body }) => { bodies.push(body); postMessage(bodies); });
      room.connect();
      void room.send("from a worker");
    };\n`;

/** Shown is what a page reports of itself. */
interface Shown {
  readonly bodies: string[];
  readonly renders?: number;
  readonly frames?: number;
  readonly flies?: boolean;
  readonly color?: string;
}

test("in pages: React, Vue, the element and a worker by Vite and strict TypeScript, bundles of esbuild's and webpack's, and a plain script", async (t) => {
  for (const [name, code] of Object.entries(apps)) {
    write(`vite/${name}`, code);
    write(`vite/${name.split(".")[0]}.html`, `<!doctype html><title>${name}</title><body></body><script type="module" src="./${name}"></script>`);
  }
  write("vite/in-worker.ts", inWorker);
  write("vite/vite-env.d.ts", "declare function postMessage(message: unknown): void;");
  await compile("vite", { module: "esnext", moduleResolution: "bundler", target: "es2022", lib: ["es2022", "dom", "dom.iterable"], jsx: "react-jsx", noEmit: true, skipLibCheck: true });
  const { build } = (await import("vite" as string)) as { build: (options: object) => Promise<unknown> };
  const root = join(home, "vite"), input = Object.keys(apps).map((name) => join(root, `${name.split(".")[0]}.html`));
  await build({ root, base: "./", logLevel: "warn", configFile: false, worker: { format: "es" }, build: { outDir: join(home, "site"), rollupOptions: { input } } });
  const { build: bundle, transform } = await import("esbuild");
  await bundle({ stdin: { contents: apps["vue.ts"]!.replaceAll("package-vue", "package-esbuild"), resolveDir: root, loader: "ts" }, bundle: true, define: { "process.env.NODE_ENV": '"production"' }, outfile: join(home, "site/esbuild.js"), logLevel: "error" });
  writeFileSync(join(home, "site/esbuild.html"), '<!doctype html><meta charset="utf-8"><body></body><script src="./esbuild.js"></script>');
  write("webpack/main.mjs", (await transform(apps["vue.ts"]!.replaceAll("package-vue", "package-webpack"), { loader: "ts" })).code);
  await pack({ context: join(home, "webpack"), entry: "./main.mjs", mode: "production", output: { path: join(home, "site"), filename: "webpack.js" } });
  writeFileSync(join(home, "site/webpack.html"), '<!doctype html><meta charset="utf-8"><body></body><script src="./webpack.js"></script>');
  cpSync(join(home, "node_modules/barrage-client/dist/barrage.js"), join(home, "site/barrage.js"));
  writeFileSync(join(home, "site/plain.html"), `<!doctype html><meta charset="utf-8"><script src="barrage.js"></script><script>
    const room = new Barrage.Room({ url: new URLSearchParams(location.search).get("url"), room: "package-plain", userId: "plain", token: "t" }), bodies = [];
    room.on("message", ({ body }) => { bodies.push(body); window.shown = { bodies }; });
    room.connect();
    room.send("from a script");
  </script>`);

  const gateway = await Gateway.start(t), url = `ws://127.0.0.1:${gateway.port}`, site = await serve(join(home, "site"));
  t.after(site.stop);
  const browser = await playwright.chromium.launch(chromium);
  t.after(() => browser.close());
  const errors: string[] = [];
  const open = async (name: string, options: playwright.BrowserContextOptions = {}) => {
    const page = await browser.newPage(options);
    page.on("pageerror", (err) => errors.push(`${name}: ${String(err)}`));
    page.on("console", (m) => m.type() === "error" && !/favicon/.test(m.location().url) && errors.push(`${name}: ${m.text()}`));
    await page.goto(`${site.url}/${name}.html?url=${encodeURIComponent(url)}`);
    const until = (body: string) => page.waitForFunction((body) => (window as unknown as { shown?: { bodies: string[] } }).shown?.bodies.includes(body), body);
    return { page, until, shown: () => page.evaluate(() => (window as unknown as { shown: unknown }).shown) as Promise<Shown> };
  };
  const speak = (room: string) => {
    const speaker = new Room({ url, room, userId: "speaker", token: "t", WebSocket: WebSocket as unknown as WebSocketClass });
    t.after(() => speaker.close());
    speaker.connect();
    return speaker;
  };

  const react = await open("react");
  await react.until("from React");
  const speaker = speak("package-react");
  for (let i = 0; i < 300; i += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => speaker.send(`m${i + n}`)));
  await react.until("m299");
  const { renders = 0, frames = 0, bodies } = await react.shown();
  assert.ok(renders > 2 && renders <= 2 * (frames + 2), `${renders} renders, each twice in StrictMode, in ${frames} frames`);
  assert.deepEqual([bodies.length, bodies[0], bodies.at(-1)], [100, "m200", "m299"], "the newest are kept");
  await speaker.recall((await speaker.send("oops")).seq);
  await react.page.waitForFunction(() => { const { bodies } = (window as unknown as { shown: { bodies: string[] } }).shown; return bodies.at(-1) === "" && bodies.at(-2) === "m299"; });
  const elsewhere = speak("package-elsewhere");
  await elsewhere.send("elsewhere");
  await react.page.evaluate(() => (window as unknown as { setRoom: (room: string) => void }).setRoom("package-elsewhere"));
  await react.until("elsewhere");
  assert.ok(!(await react.shown()).bodies.includes("m299"), "another room is another store");

  const vue = await open("vue");
  await vue.until("from Vue");
  await vue.page.evaluate(() => (window as unknown as { setRoom: (room: string) => void }).setRoom("package-elsewhere"));
  await vue.until("elsewhere");
  await eventually("React, Vue and the one who speaks there are counted", () => elsewhere.online === 3);
  await vue.page.evaluate(() => (window as unknown as { leave: () => void }).leave());
  await eventually("the component that went has left its room", () => elsewhere.online === 2);

  const element = await open("element");
  // messages that it receives then fly
  await element.page.waitForFunction(() => (window as unknown as { element?: { live?: Room } }).element?.live?.state.name === "open");
  await speak("package-element").send("over the picture");
  await element.until("over the picture");
  await element.page.waitForFunction(() => (window as unknown as { shown: { flies: boolean } }).shown.flies);
  assert.equal((await element.shown()).color, "rgb(255, 255, 255)", "its style sheet is there");
  const code = await element.page.evaluate(() => new Promise((done) => {
    const { element } = window as unknown as { element: HTMLElement };
    element.addEventListener("barrage-error", (event) => done((event as CustomEvent<{ code: string }>).detail.code));
    element.setAttribute("lines", "many");
  }));
  assert.equal(code, "invalid");

  const replay = await open("replay", { reducedMotion: "reduce" });
  await replay.until("m9");
  assert.deepEqual(await replay.shown(), { bodies: ["m9"], color: "absolute" }, "it brings its styles, lists what would fly, and is as old as the video");

  for (const [name, body] of [["worker", "from a worker"], ["esbuild", "from Vue"], ["webpack", "from Vue"], ["plain", "from a script"]] as const) await (await open(name)).until(body);
  assert.deepEqual(errors, []);
});

/** pack has webpack make a bundle, without a warning. */
async function pack(options: webpack.Configuration): Promise<void> {
  const stats = await new Promise<webpack.Stats | undefined>((done, fail) => webpack(options, (err, stats) => (err ? fail(err) : done(stats))));
  const { errors, warnings } = stats!.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([...errors!, ...warnings!].map(({ message }) => message), []);
}

const kinds: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css" };

/** serve serves the files of a folder. */
async function serve(root: string): Promise<{ url: string; stop: () => void }> {
  const server = createServer((request, response) => {
    const path = join(root, new URL(request.url!, "http://h").pathname);
    if (!existsSync(path)) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": kinds[extname(path)] ?? "application/octet-stream" }).end(readFileSync(path));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => void server.close() };
}
