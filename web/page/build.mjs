// Builds web/room.html: one file with its own style and script, nothing from elsewhere.
// With --check it only says whether the committed file is what the source gives.

import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const target = new URL("../room.html", here);

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, here).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: ["chrome123", "firefox121", "safari17.5"],
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  const text = outputFiles[0].text.trim();
  if (/<\/(script|style)/i.test(text)) throw new Error(`cannot put ${entry} into a page: it ends its own element`);
  return text;
}

const [template, style, script] = await Promise.all([readFile(new URL("src/page.html", here), "utf8"), bundle("src/page.css"), bundle("src/main.ts")]);
const page = template
  .replace("<!-- note -->", "<!-- Built from web/page by `npm run build`; do not edit. -->")
  .replace("/* style */", () => style)
  .replace("/* script */", () => script);

if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8")) !== page) {
    console.error("web/room.html is not what web/page gives: run `npm run build` in web/page and commit it");
    process.exitCode = 1;
  }
} else {
  await writeFile(target, page);
  console.log(`web/room.html: ${Math.round(page.length / 1024)} KiB`);
}
