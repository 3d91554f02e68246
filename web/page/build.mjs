// Builds web/room.html, web/overlay.html and web/console.html: each one file with its own style and script, nothing
// from elsewhere. With --check it only says whether the committed files are what the source gives.

import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);

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

/** pages are built from a template, a style and a script. */
const pages = [
  { target: "room.html", template: "src/page.html", style: "src/page.css", script: "src/main.ts" },
  { target: "overlay.html", template: "src/overlay.html", style: "src/overlay.css", script: "src/overlay.ts" },
  { target: "console.html", template: "console/console.html", style: "console/console.css", script: "console/main.ts" },
];

for (const { target, ...parts } of pages) {
  const [template, style, script] = await Promise.all([readFile(new URL(parts.template, here), "utf8"), bundle(parts.style), bundle(parts.script)]);
  const page = template
    .replace("<!-- note -->", "<!-- Built from web/page by `npm run build`; do not edit. -->")
    .replace("/* style */", () => style)
    .replace("/* script */", () => script);
  const file = new URL(`../${target}`, here);
  if (!process.argv.includes("--check")) {
    await writeFile(file, page);
    console.log(`web/${target}: ${Math.round(page.length / 1024)} KiB`);
  } else if ((await readFile(file, "utf8")) !== page) {
    console.error(`web/${target} is not what web/page gives: run \`npm run build\` in web/page and commit it`);
    process.exitCode = 1;
  }
}
