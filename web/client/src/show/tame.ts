// Texts of strangers beside ours: their direction turns nothing around.

/** turning are the marks that set the direction of what follows, and those that end what keeps them inside. */
const turning = /[\u202a-\u202e\u2066-\u2069]/g;

/** backward is what is written from right to left. */
const backward = /[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** tame takes the marks out that would turn the page around: letters have their own direction without them. */
export function tame(text: string): string {
  return text.replace(turning, "");
}

/** isolated is a text for the inside of another: one that is written from right to left stays by itself (FSI, PDI). */
export function isolated(text: string): string {
  const own = tame(text);
  return backward.test(own) ? `\u2068${own}\u2069` : own;
}
