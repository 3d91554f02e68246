// Bundles the tests of one folder, so that Node can read them, and runs them: all, or those
// whose file begins with the second word.

import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const folder = process.argv[2] ?? "test";
const out = `.out/${folder}`;
const where = folder === "test" ? "test" : "e2e";
// ms, of a test and of a file: nothing may hang
const limit = { test: 60_000, e2e: 300_000, measure: 600_000, shots: 600_000 }[folder];
// Files: they wait about as long as they work; a measurement runs alone.
const atOnce = ["test", "e2e"].includes(folder) ? 2 : 1;
const kind = ["measure", "shots"].includes(folder) ? `.${folder}.ts` : ".test.ts";
const entryPoints = (await readdir(where)).filter((f) => f.endsWith(kind) && f.startsWith(process.argv[3] ?? "")).map((f) => `${where}/${f}`);
await rm(out, { recursive: true, force: true });
await build({ entryPoints, bundle: true, outdir: out, outExtension: { ".js": ".mjs" }, platform: "node", format: "esm", packages: "external", sourcemap: "inline", logLevel: "warning" });
const run = spawn(process.execPath, ["--enable-source-maps", "--test", `--test-timeout=${limit}`, "--test-reporter=spec", `--test-concurrency=${atOnce}`, ...entryPoints.map((f) => f.replace(`${where}/`, `${out}/`).replace(/\.ts$/, ".mjs"))], { stdio: "inherit" });
run.on("exit", (code) => { process.exitCode = code ?? 1; });
