// Pictures that stand for :names: in messages, as a node has them (server.emotes).

const inText = /:([A-Za-z0-9_+-]{1,32}):/g; // As the node's rule for rooms of emotes alone.
const most = 50; // Pictures of a text: 1,000 in each of a few texts held a page up for a second. More have their names.
const againMs = 60_000; // A node that did not answer is asked again after that.

const stillHeight = 128; // px at most, of a picture that stands: four times what a line has.
const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/** firstFrame is what an image begins with: a canvas, since an image that moves cannot be stopped. */
function firstFrame(image: HTMLImageElement): HTMLCanvasElement {
  const canvas = document.createElement("canvas"), { naturalWidth, naturalHeight, className, title, alt } = image, height = Math.min(naturalHeight, stillHeight);
  Object.assign(canvas, { className, title, height, width: naturalWidth * height / naturalHeight }, alt ? { role: "img", ariaLabel: alt } : { ariaHidden: "true" });
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, height);
  return canvas;
}

/** Emotes are those of one node, which is asked for them when a text has a name for the first time. */
export class Emotes {
  readonly #home: string;
  readonly #loaded: (names: string[]) => void;
  readonly #pictures = new Map<string, HTMLImageElement>();
  #urls = new Map<string, string>();
  #asked = false;

  /**
   * home is the address of the node, with a slash at its end. Where it is none, there are no emotes. The names go
   * to loaded when there are some.
   */
  constructor(home: string, loaded: (names: string[]) => void) {
    this.#home = home;
    this.#loaded = loaded;
  }

  /** load asks the node, once; the page works as well without emotes. */
  async load(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    try {
      const at = (path: string) => new URL(path, this.#home).href, answer = await fetch(at("emotes"));
      if (!answer.ok) throw answer; // A refusal is JSON, too.
      const where = (await answer.json()) as Record<string, string>;
      for (const name in where) this.#urls.set(name, at(where[name]!));
      if (this.#urls.size) this.#loaded([...this.#urls.keys()]);
    } catch {
      setTimeout(() => (this.#asked = false), againMs);
    }
  }

  /** in are the places of emotes in a text, the first 50. */
  in(text: string): [from: number, to: number, name: string][] {
    const found: [number, number, string][] = [];
    inText.lastIndex = 0;
    for (let match; found.length < most && (match = inText.exec(text)); ) {
      if (this.#urls.has(match[1]!)) found.push([match.index, inText.lastIndex, match[1]!]);
      else {
        inText.lastIndex--; // Its end may begin another one.
        void this.load();
      }
    }
    return found;
  }

  /** image is an emote for a document, where it stands still for users who want no motion. */
  image(name: string, className = "emote"): HTMLImageElement {
    const image = new Image();
    image.className = className;
    image.alt = image.title = `:${name}:`;
    image.crossOrigin = ""; // Else the sky could not be recorded.
    image.src = this.#urls.get(name)!;
    if (still?.matches) image.onload = () => image.replaceWith(firstFrame(image));
    return image;
  }

  /** of is an emote to be drawn; undefined while it is not there, which asks for it. */
  of(name: string): HTMLImageElement | undefined {
    const known = this.#pictures.get(name) ?? this.image(name);
    this.#pictures.set(name, known);
    return known.complete && known.naturalWidth > 0 ? known : undefined;
  }
}
