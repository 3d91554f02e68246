// Builds the client.
//
//   node build.mjs           dist/: barrage.mjs (modules), barrage.cjs (CommonJS), barrage.js (script tag), the other
//                            exports of the package, *.d.ts and *.d.cts
//   node build.mjs --check   fails where dist/ is not what the source gives
//   node build.mjs --tests   .test/: the tests, for node --test

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/**
 * entries are what the package exports, beside the client itself. They have the client's own classes, and copies of the
 * rest.
 */
const entries = ["react", "vue", "overlay", "element", "replay"];
const own = ["room", "errors", "view"]; // of src: index.ts exports what the entries use of them

/** client builds everything that dist holds. */
async function client(dist) {
  rmSync(dist, { recursive: true, force: true });
  // short lines: Node prints the one that an error is in
  const common = { bundle: true, minify: true, target: "es2022", charset: "utf8", legalComments: "none", lineLimit: 200, logLevel: "warning" };
  await build({ ...common, entryPoints: ["src/index.ts"], format: "iife", globalName: "Barrage", outfile: join(dist, "barrage.js") });
  for (const [format, ext] of [["esm", "mjs"], ["cjs", "cjs"]]) {
    await build({ ...common, entryPoints: ["src/index.ts"], format, outfile: join(dist, `barrage.${ext}`) });
    const shared = { name: "shared", setup: ({ onResolve }) => onResolve({ filter: new RegExp(`/(${own.join("|")})\\.js$`) }, () => ({ path: `./barrage.${ext}`, external: true })) };
    await build({ ...common, entryPoints: entries.map((name) => `src/${name}.ts`), format, outdir: dist, outExtension: { ".js": `.${ext}` }, external: ["react", "vue"], plugins: [shared] });
  }
  types(dist);
}

/**
 * types writes the declarations that the entries reach, for modules and for CommonJS; those of the inside stay inside.
 */
function types(dist) {
  const all = mkdtempSync(join(tmpdir(), "barrage-types-"));
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", all], { stdio: "inherit" });
  const reached = new Set(["index", ...entries]);
  for (const name of reached) {
    const text = readFileSync(join(all, `${name}.d.ts`), "utf8");
    for (const [, next] of text.matchAll(/from "\.\/(\w+)\.js"/g)) reached.add(next);
    writeFileSync(join(dist, `${name}.d.ts`), text);
    writeFileSync(join(dist, `${name}.d.cts`), text.replace(/(from "\.\/\w+)\.js"/g, '$1.cjs"'));
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
