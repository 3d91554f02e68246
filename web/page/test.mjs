// Bundles the tests of one folder, so that Node can read them, and runs them.

import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const folder = process.argv[2] ?? "test";
const out = `.out/${folder}`;
const where = folder === "measure" ? "e2e" : folder;
const kind = folder === "measure" ? ".measure.ts" : ".test.ts";
const entryPoints = (await readdir(where)).filter((f) => f.endsWith(kind)).map((f) => `${where}/${f}`);
await rm(out, { recursive: true, force: true });
await build({ entryPoints, bundle: true, outdir: out, outExtension: { ".js": ".mjs" }, platform: "node", format: "esm", packages: "external", sourcemap: "inline", logLevel: "warning" });
const run = spawn(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", "--test-concurrency=1", ...entryPoints.map((f) => f.replace(`${where}/`, `${out}/`).replace(/\.ts$/, ".mjs"))], { stdio: "inherit" });
run.on("exit", (code) => { process.exitCode = code ?? 1; });
