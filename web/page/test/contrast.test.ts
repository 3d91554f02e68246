// Names and small print can be read on everything that they stand on, whatever their colour.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync("src/page.css", "utf8");

type Rgb = readonly [number, number, number]; // Linear light, 0 to 1.

/** pair is what a property of the page is in the light and in the dark. */
function pair(name: string): [string, string] {
  const [, light, dark] = new RegExp(`--${name}: light-dark\\((#\\w+|oklch\\([^)]*\\)(?:\\))?), (#\\w+|oklch\\([^)]*\\)(?:\\))?)\\)`).exec(css)!;
  return [light!, dark!];
}

function rgbOf(colour: string, hue: number): Rgb {
  const lch = /^oklch\(([\d.]+) ([\d.]+) var/.exec(colour);
  return lch ? ofLch(Number(lch[1]), Number(lch[2]), hue) : ofHex(colour.slice(1));
}

function ofHex(digits: string): Rgb {
  const six = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  return [0, 2, 4].map((i) => parseInt(six.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as unknown as Rgb;
}

/** ofLch is CSS Color 4's conversion of OKLCH, with what no screen shows cut off. */
function ofLch(l: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos((hue * Math.PI) / 180), b = chroma * Math.sin((hue * Math.PI) / 180);
  const [L, M, S] = [l + 0.3963377774 * a + 0.2158037573 * b, l - 0.1055613458 * a - 0.0638541728 * b, l - 0.0894841775 * a - 1.291485548 * b].map((x) => x ** 3) as [number, number, number];
  const rgb = [4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S, -1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S, -0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S];
  return rgb.map((c) => Math.min(1, Math.max(0, c))) as unknown as Rgb;
}

/** contrast is that of WCAG 2.2. */
function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [one, other].map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) as [number, number];
  return Math.max(a, b) / Math.min(a, b);
}

test("names of every hue have 4.5:1 and more on every row and face, small print too, in both themes", () => {
  assert.ok(Math.abs(contrast(ofHex("767676"), ofHex("fff")) - 4.54) < 0.01, "the arithmetic");
  for (const theme of [0, 1] as const) {
    for (const on of ["card", "mine", "called", "gift", "face"]) {
      for (const text of on === "face" ? ["name"] : ["name", "soft", "ink"]) {
        for (let hue = 0; hue < 360; hue++) {
          const c = contrast(rgbOf(pair(text)[theme], hue), rgbOf(pair(on)[theme], hue));
          assert.ok(c >= 4.5, `${text} on ${on} of hue ${hue} in the ${theme ? "dark" : "light"}: ${c.toFixed(2)}:1`);
        }
      }
    }
  }
});
