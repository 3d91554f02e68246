// The findings of axe-core about a page.

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";

type Axe = { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> };

let source = "";

/** findings are those of all rules, best practices too, in words; none is as it should be. */
export async function findings(page: Page): Promise<string[]> {
  source ||= readFileSync("node_modules/axe-core/axe.min.js", "utf8");
  await page.evaluate(source); // The page's policy lets no script element in.
  const { violations } = await page.evaluate(() => (window as unknown as { axe: Axe }).axe.run({ resultTypes: ["violations"], rules: { "target-size": { enabled: true } } }));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary = "" }) => `${id}: ${html}: ${failureSummary.replace(/\s+/g, " ")}`));
}
