// Colours and language: the system's and the browser's, or what somebody has chosen here.

import { $ } from "./dom.js";
import { load, save } from "./prefs.js";
import { type Language, spoken } from "./texts.js";

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (load("theme") || (systemDark.matches ? "dark" : "light")) === "dark";

function setTheme(): void {
  const theme = load("theme");
  if (theme) document.documentElement.dataset["theme"] = theme;
  $("theme").ariaPressed = String(dark());
}

/** looks sets both, now and whenever the button #theme or one of those for the language says so. */
export function looks(setLanguage: (language: Language) => void, languages: Iterable<HTMLElement>): void {
  for (const button of languages) {
    button.onclick = () => {
      setLanguage(spoken() === "zh" ? "en" : "zh");
      save("language", spoken());
    };
  }
  $("theme").onclick = () => {
    save("theme", dark() ? "light" : "dark");
    setTheme();
  };
  systemDark.onchange = setTheme;
  const saved = load("language");
  setLanguage(saved === "zh" || saved === "en" ? saved : navigator.language.startsWith("zh") ? "zh" : "en");
  setTheme();
}
