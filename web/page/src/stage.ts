// The stand-in for a video: a concert, drawn small and stretched, 30 times a second.

const width = 640, height = 360; // Of the drawing; the page stretches it.
const frame = 1000 / 30 - 4; // ms between two drawings, with some slack for uneven frames.
const beat = 500; // ms: 120 beats a minute.

type Context = CanvasRenderingContext2D;

/** picture paints something once, to be drawn often. */
function picture(w: number, h: number, paint: (c: Context) => void): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = w;
  canvas.height = h;
  paint(canvas.getContext("2d")!);
  return canvas;
}

/** random gives the same numbers each time: the crowd always looks the same. */
function random(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

function glow(size: number, color: string): HTMLCanvasElement {
  return picture(size, size, (c) => {
    const g = c.createRadialGradient(size / 2, size / 2, 0, size / 2, size / 2, size / 2);
    g.addColorStop(0, `rgb(${color} / 1)`);
    g.addColorStop(0.25, `rgb(${color} / .35)`);
    g.addColorStop(1, `rgb(${color} / 0)`);
    c.fillStyle = g;
    c.fillRect(0, 0, size, size);
  });
}

/** beam is a cone of light from the top centre of its picture downwards. */
function beam(color: string): HTMLCanvasElement {
  return picture(120, 400, (c) => {
    const g = c.createLinearGradient(0, 0, 0, 400);
    g.addColorStop(0, `rgb(${color} / .75)`);
    g.addColorStop(0.5, `rgb(${color} / .2)`);
    g.addColorStop(1, `rgb(${color} / 0)`);
    c.fillStyle = g;
    c.filter = "blur(3px)";
    c.beginPath();
    c.moveTo(57, 0);
    c.lineTo(63, 0);
    c.lineTo(108, 400);
    c.lineTo(12, 400);
    c.fill();
  });
}

const violet = "139 92 246", pink = "255 86 150", cyan = "64 200 255", amber = "255 190 92", green = "90 240 170";

/** backdrop is all that never moves: the hall, the screen behind the stage, the floor. */
function backdrop(): HTMLCanvasElement {
  return picture(width, height, (c) => {
    const hall = c.createLinearGradient(0, 0, 0, height);
    hall.addColorStop(0, "#0a0820");
    hall.addColorStop(0.55, "#2a1558");
    hall.addColorStop(0.72, "#4a1d6b");
    hall.addColorStop(1, "#0b0718");
    c.fillStyle = hall;
    c.fillRect(0, 0, width, height);
    c.globalCompositeOperation = "lighter";
    c.drawImage(glow(520, violet), 60, -40);
    c.globalAlpha = 0.6;
    c.drawImage(glow(420, pink), 110, 40);
    c.globalAlpha = 1;
    c.globalCompositeOperation = "source-over";
    c.fillStyle = "#0d0a22";
    c.fillRect(0, 26, width, 5); // The truss that the lamps hang from.
    for (let x = 4; x < width; x += 14) {
      c.fillRect(x, 18, 2, 9);
      c.fillRect(x, 18, 14, 1.5);
    }
    c.fillStyle = "#160c33";
    c.fillRect(120, 236, 400, 14); // The edge of the stage.
    c.fillStyle = "rgb(255 140 220 / .5)";
    c.fillRect(120, 235, 400, 1.5);
  });
}

/** crowd is one row of heads and raised arms, wider than the drawing so that it can sway. */
function crowd(seed: number, head: number, color: string): HTMLCanvasElement {
  return picture(width + 60, 150, (c) => {
    const next = random(seed);
    c.fillStyle = c.strokeStyle = color;
    c.lineCap = "round";
    for (let x = -10; x < width + 70; x += head * (1.5 + next() * 0.5)) {
      const y = 66 + next() * head * 0.9;
      c.beginPath();
      c.arc(x, y, head, 0, 7);
      c.fill();
      c.beginPath();
      c.roundRect(x - head * 1.7, y + head * 0.8, head * 3.4, 150, head * 1.3);
      c.fill();
      if (next() > 0.62) { // An arm in the air.
        c.lineWidth = head * 0.62;
        c.beginPath();
        c.moveTo(x + head * 1.2, y + head * 1.4);
        c.lineTo(x + head * (1.5 + next() * 0.5), y - head * (1.2 + next() * 1.4));
        c.stroke();
      }
    }
  });
}

/** band stands on the stage. */
function band(): HTMLCanvasElement {
  return picture(260, 100, (c) => {
    c.fillStyle = c.strokeStyle = "#0c0720";
    c.lineCap = "round";
    const person = (x: number, tall: number) => {
      const foot = 98, top = foot - tall;
      c.beginPath();
      c.arc(x, top + 6, 6, 0, 7);
      c.fill();
      c.beginPath();
      c.roundRect(x - 8, top + 13, 16, tall * 0.45, 6);
      c.fill();
      c.lineWidth = 6;
      c.beginPath();
      c.moveTo(x - 4, top + tall * 0.5);
      c.lineTo(x - 8, foot);
      c.moveTo(x + 4, top + tall * 0.5);
      c.lineTo(x + 9, foot);
      c.stroke();
    };
    person(130, 76);
    c.lineWidth = 5; // The singer: one arm up, one at the microphone.
    c.beginPath();
    c.moveTo(136, 40);
    c.lineTo(152, 14);
    c.moveTo(124, 39);
    c.lineTo(116, 37);
    c.stroke();
    c.lineWidth = 2.2;
    c.beginPath();
    c.moveTo(110, 98);
    c.lineTo(116, 34);
    c.lineTo(122, 29);
    c.stroke();
    person(48, 66);
    person(214, 66);
    c.lineWidth = 5; // Guitars.
    for (const [x, side] of [[48, 1], [214, -1]] as const) {
      c.beginPath();
      c.ellipse(x - side * 6, 66, 11, 7, -0.5 * side, 0, 7);
      c.fill();
      c.beginPath();
      c.moveTo(x, 64);
      c.lineTo(x + side * 30, 46);
      c.stroke();
    }
    for (const x of [4, 78, 160, 232]) { // Loudspeakers.
      c.fillStyle = "#0c0720";
      c.beginPath();
      c.roundRect(x, 52, 24, 46, 4);
      c.fill();
      c.strokeStyle = "#3a2468";
      c.lineWidth = 1.5;
      for (const [y, r] of [[64, 5], [82, 8]] as const) {
        c.beginPath();
        c.arc(x + 12, y, r, 0, 7);
        c.stroke();
      }
    }
  });
}

interface Stick {
  x: number;
  y: number;
  phase: number;
  light: HTMLCanvasElement;
}

/** Stage draws the concert; the more it is liked, the brighter it gets. */
export class Stage {
  private readonly context: Context;
  private readonly back = backdrop();
  private readonly players = band();
  private readonly rows = [crowd(7, 7, "#1d1040"), crowd(21, 10, "#120a2b"), crowd(5, 14, "#080512")];
  private readonly beams = [violet, pink, cyan, cyan, pink, violet].map(beam);
  private readonly lamp = glow(60, "255 255 255");
  private readonly sticks: Stick[] = [];
  private drawn = 0;
  private energy = 0;

  constructor(canvas: HTMLCanvasElement) {
    canvas.width = width;
    canvas.height = height;
    this.context = canvas.getContext("2d", { alpha: false })!;
    const next = random(42), lights = [pink, cyan, amber, green, violet].map((color) => glow(26, color));
    for (let i = 0; i < 46; i++) this.sticks.push({ x: next() * width, y: 262 + next() * 70, phase: next() * 1.6, light: lights[i % lights.length]! });
  }

  /** cheer makes it brighter for a moment. */
  cheer(n: number): void {
    this.energy = Math.min(1, this.energy + n * 0.04);
  }

  /** draw draws the moment now, in ms; more than 30 calls a second are ignored. */
  draw(now: number): void {
    if (now - this.drawn < frame) return;
    this.energy *= Math.exp(-(now - this.drawn) / 1500);
    this.drawn = now;
    const c = this.context, pulse = Math.exp(-(now % beat) / 180);
    c.globalCompositeOperation = "source-over";
    c.globalAlpha = 1;
    c.drawImage(this.back, 0, 0);
    this.light(now, pulse);
    c.drawImage(this.players, 190, 140 - pulse * 1.5);
    this.people(now, pulse);
  }

  private light(now: number, pulse: number): void {
    const c = this.context;
    c.globalCompositeOperation = "lighter";
    this.beams.forEach((picture, i) => {
      const x = width * (i + 0.5) / this.beams.length, side = i < 3 ? 1 : -1;
      const angle = side * (0.15 + 0.32 * Math.sin(now / 1900 + i * 1.1));
      c.globalAlpha = 0.42 + 0.2 * pulse + 0.38 * this.energy;
      c.setTransform(Math.cos(angle), Math.sin(angle), -Math.sin(angle), Math.cos(angle), x, 30);
      c.drawImage(picture, -60, 0);
      c.setTransform(1, 0, 0, 1, 0, 0);
      c.globalAlpha = 0.55 + 0.45 * pulse;
      c.drawImage(this.lamp, x - 15, 15, 30, 30);
    });
    c.globalAlpha = 0.25 + 0.3 * pulse + 0.3 * this.energy;
    c.drawImage(this.lamp, 170, 195, 300, 90); // The floor shines.
    c.globalCompositeOperation = "source-over";
    c.globalAlpha = 1;
  }

  private people(now: number, pulse: number): void {
    const c = this.context;
    this.rows.forEach((row, i) => {
      const sway = Math.sin(now / (1500 - i * 180) + i) * (3 + i * 2) - 30;
      c.drawImage(row, sway, 196 + i * 30 - pulse * (1 + i));
      if (i === 2) return;
      c.globalCompositeOperation = "lighter";
      c.globalAlpha = 0.75 + 0.25 * this.energy;
      for (const { x, y, phase, light } of this.sticks) {
        if ((y > 297) !== (i === 1)) continue;
        const swing = Math.sin(now / 480 + phase) * (7 + 6 * this.energy);
        c.drawImage(light, x + swing - 13, y - Math.abs(swing) * 0.4 - 13 + i * 6);
      }
      c.globalCompositeOperation = "source-over";
      c.globalAlpha = 1;
    });
  }
}
