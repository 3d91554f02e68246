// Builds the client.
//
//   node build.mjs           dist/: barrage.mjs (modules), barrage.js (script tag), *.d.ts
//   node build.mjs --check   fails where dist/ is not what the source gives
//   node build.mjs --tests   .test/: the tests, for node --test

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(fileURLToPath(import.meta.url)));

/** tests bundles each test with what it needs of the source; packages stay outside. */
async function tests() {
  rmSync(".test", { recursive: true, force: true });
  const entryPoints = ["unit", "e2e"].flatMap((dir) => readdirSync(`test/${dir}`).map((file) => `test/${dir}/${file}`)).filter((file) => file.endsWith(".test.ts"));
  await build({ entryPoints, outdir: ".test", outbase: "test", outExtension: { ".js": ".mjs" }, bundle: true, packages: "external", platform: "node", format: "esm", target: "node20", sourcemap: "inline", logLevel: "warning" });
}

/** client builds everything that dist holds. */
async function client(dist) {
  rmSync(dist, { recursive: true, force: true });
  const common = { entryPoints: ["src/index.ts"], bundle: true, minify: true, target: "es2022", charset: "utf8", legalComments: "none", lineLimit: 200, logLevel: "warning" }; // short lines: Node prints the one that an error is in
  await build({ ...common, format: "esm", outfile: join(dist, "barrage.mjs") });
  await build({ ...common, format: "iife", globalName: "Barrage", outfile: join(dist, "barrage.js") });
  types(dist);
}

/** types writes the declarations that index.d.ts reaches; those of the inside stay inside. */
function types(dist) {
  const all = mkdtempSync(join(tmpdir(), "barrage-types-"));
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", all], { stdio: "inherit" });
  const reached = new Set(["index"]);
  for (const name of reached) {
    const file = join(all, `${name}.d.ts`);
    for (const [, next] of readFileSync(file, "utf8").matchAll(/from "\.\/(\w+)\.js"/g)) reached.add(next);
    cpSync(file, join(dist, `${name}.d.ts`));
  }
  rmSync(all, { recursive: true });
}

/** check builds beside and compares. */
async function check() {
  const fresh = mkdtempSync(join(tmpdir(), "barrage-dist-"));
  await client(fresh);
  const names = (dir) => (existsSync(dir) ? readdirSync(dir).sort() : []);
  const differ = [...new Set([...names(fresh), ...names("dist")])].filter((name) => {
    const [a, b] = [join(fresh, name), join("dist", name)];
    return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
  });
  rmSync(fresh, { recursive: true });
  if (differ.length > 0) {
    console.error(`dist/ is not what the source gives: ${differ.join(", ")} (npm run build mends it)`);
    process.exit(1);
  }
}

const mode = process.argv[2];
if (mode === "--tests") await tests();
else if (mode === "--check") await check();
else await client("dist");
