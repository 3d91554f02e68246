
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const css = name => getComputedStyle(root).getPropertyValue(name).trim();
  const dashes = [[], [6, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 4]];

  // The same writing as in unit.go: three digits and a unit.
  const short = v => {
    const a = Math.abs(v);
    if (a >= 99.95) return Math.round(v).toLocaleString("en");
    if (a > 0 && a < 0.0995) return String(+v.toPrecision(2));
    return String(+v.toFixed(a >= 9.995 ? 1 : 2));
  };
  const scaled = (v, base, units) => {
    let i = 0;
    for (; i < units.length - 1 && Math.abs(v) >= base * 0.9995; i++) v /= base;
    return short(v) + " " + units[i];
  };
  const write = {
    perSecond: v => scaled(v, 1000, ["/s", "k/s", "M/s", "G/s"]),
    millis: v => v === 0 ? "0 ms" : scaled(v * 1e6, 1000, ["ns", "µs", "ms", "s"]),
    bytes: v => scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
    cores: v => short(v) + " cores",
    count: v => Math.round(v).toLocaleString("en"),
  };
  const axisIncrements = { bytes: [...Array(50).keys()].map(i => 2 ** i) };

  // percentile names a place on the axis of percentiles, 10^-x of all above it.
  const percentile = x => +(100 * (1 - 10 ** -x)).toFixed(Math.max(0, Math.ceil(x) - 1)) + " %";

  // apart leaves out places on the axis whose names would run into the one before.
  const apart = (u, places) => {
    let end = -Infinity;
    return places.map(v => {
      const at = u.valToPos(v, "x");
      if (at - end < 54) return null;
      end = at;
      return v;
    });
  };

  // phases calls each with the part of the drawing that a phase takes, in its pixels.
  const phases = (run, each) => u => {
    const { ctx, bbox } = u;
    ctx.save();
    for (const p of run.phases) {
      const from = Math.max(u.valToPos(p.from, "x", true), bbox.left);
      const to = Math.min(u.valToPos(p.to, "x", true), bbox.left + bbox.width);
      if (to > from) each(ctx, p.name, from, to - from, bbox);
    }
    ctx.restore();
  };
  // shade paints what is not measured behind the lines.
  const shade = (ctx, name, from, width, box) => {
    ctx.fillStyle = css("--shade");
    if (name !== "measure") ctx.fillRect(from, box.top, width, box.height);
  };
  // name writes a phase's name above the lines, if there is room.
  const name = (ctx, name, from, width, box) => {
    const px = devicePixelRatio;
    ctx.font = `${11 * px}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    ctx.fillStyle = css("--soft");
    if (ctx.measureText(name).width + 8 * px < width) ctx.fillText(name, from + 4 * px, box.top + 3 * px);
  };

  // powers are the places on a logarithmic axis.
  const powers = (u, i, lo, hi) => {
    const steps = hi / lo > 150 ? [1] : [1, 2, 5], places = [];
    for (let p = Math.floor(Math.log10(lo)); p <= Math.log10(hi); p++) {
      places.push(...steps.map(s => +(s * 10 ** p).toPrecision(3)).filter(v => v >= lo && v <= hi));
    }
    return places;
  };

  const axis = more => ({
    stroke: () => css("--soft"), font: "12px system-ui, sans-serif",
    grid: { stroke: () => css("--grid"), width: 1 }, ticks: { show: false }, ...more,
  });

  const draw = (place, c) => {
    const run = c.run < 0 ? null : data.runs[c.run];
    const x = run ? run.x : c.x;
    const last = x[x.length - 1];
    const value = (u, v) => v == null ? "—" : write[c.unit](v);
    const unitAxis = {
      size: 72, space: 34, values: (u, splits) => splits.map(write[c.unit]),
      ...(c.log && { splits: powers, filter: (u, splits) => splits }),
      ...(axisIncrements[c.unit] && { incrs: axisIncrements[c.unit] }),
    };
    return new uPlot({
      width: place.clientWidth, height: run ? 190 : 300,
      scales: {
        x: { time: false, range: (u, lo, hi) => [lo === x[0] ? 0 : lo, lo === hi ? Math.max(last, 1) : hi] },
        y: c.log ? { distr: 3 } : { range: (u, lo, hi) => [0, hi > 0 ? hi * 1.2 : 1] },
      },
      axes: [
        axis(run ? { values: (u, s) => s.map(v => v + " s"), space: 60, size: 34 } : {
          size: 34, values: (u, s) => apart(u, s).map(v => v == null ? "" : percentile(v)),
          splits: () => [0, Math.log10(2), ...Array(Math.floor(last)).keys().map(i => i + 1)],
        }),
        axis(unitAxis),
      ],
      series: [
        { label: run ? "second" : "percentile", value: (u, v) => v == null ? "—" : run ? v + " s" : percentile(v) },
        ...c.lines.map((l, i) => ({
          label: l.name, value, width: 2, dash: dashes[i % dashes.length], stroke: () => css("--c" + i % 6),
          points: { show: l.y.length < 3, size: 7 }, spanGaps: false,
        })),
      ],
      cursor: { sync: run ? { key: "run" + c.run } : undefined, drag: { x: true, y: false }, points: { size: 7 } },
      hooks: {
        drawClear: run ? [phases(run, shade)] : [],
        draw: run ? [phases(run, name)] : [],
        init: [u => u.root.classList.add("idle")],
        setCursor: [u => u.root.classList.toggle("idle", u.cursor.idx == null)],
      },
    }, [x, ...c.lines.map(l => l.y)], place);
  };

  const plots = [...document.querySelectorAll(".plot")].map(place => ({ place, plot: draw(place, data.charts[place.dataset.chart]) }));
  const fit = width => plots.forEach(({ place, plot }) => plot.setSize({ width: width?.(place) ?? place.clientWidth, height: plot.height }));
  const redraw = () => plots.forEach(({ plot }) => plot.redraw(false));

  addEventListener("resize", () => fit());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // Paper is white, and about 700 pixels wide.
  addEventListener("beforeprint", () => { root.classList.add("paper"); fit(p => p.closest(".charts") ? 340 : 690); });
  addEventListener("afterprint", () => { root.classList.remove("paper"); fit(); });
})();
