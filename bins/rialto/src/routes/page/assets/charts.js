// Two charts in plain SVG: candles with volume, and depth. Each redraws itself as a whole, which at this size costs nothing.

const SVG = "http://www.w3.org/2000/svg";
const RIGHT = 58;
const BOTTOM = 22;
const TOP = 8;

export const number = (value) =>
  Math.abs(value) >= 1e8
    ? value.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 2 })
    : value.toLocaleString("en-US", { maximumFractionDigits: 2 });

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

/** Round steps, about `count` of them, from `low` to `high`. */
function steps(low, high, count) {
  const raw = Math.max((high - low) / count, 1e-9);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10), 1);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

/** What both charts have in common: a place, a pointer that walks from point to point, and a line of words about it. */
class Chart {
  constructor(place, readout) {
    this.place = place;
    this.readout = readout;
    this.at = null;
    this.note = place.querySelector(".empty");
    new ResizeObserver(() => this.redraw()).observe(place);
    const point = (event) => this.point(event.clientX - place.getBoundingClientRect().left);
    place.addEventListener("pointermove", point);
    place.addEventListener("pointerdown", point);
    place.addEventListener("pointerleave", () => this.show(null));
    place.addEventListener("blur", () => this.show(null));
    place.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined || !this.points?.length) return;
      event.preventDefault();
      const from = this.at ?? (step < 0 ? this.points.length : -1);
      this.show(Math.min(Math.max(from + step, 0), this.points.length - 1));
    });
  }

  point(x) {
    if (!this.points?.length) return;
    let best = 0;
    this.points.forEach((point, at) => {
      if (Math.abs(point.x - x) < Math.abs(this.points[best].x - x)) best = at;
    });
    this.show(best);
  }

  show(at) {
    this.at = at;
    this.cross?.remove();
    const point = at === null ? undefined : this.points?.[at];
    this.readout.textContent = point ? point.words : this.words ?? "";
    if (!point || !this.svg) return;
    this.cross = add(this.svg, "g", { "pointer-events": "none" });
    add(this.cross, "line", { class: "cross", x1: point.x, x2: point.x, y1: TOP, y2: this.height - BOTTOM });
    add(this.cross, "line", { class: "cross", x1: 0, x2: this.width - RIGHT, y1: point.y, y2: point.y });
    this.tag(point.y, number(point.price ?? point.total), "plain", this.cross);
  }

  /** A label on the axis at the right. */
  tag(y, text, tone, parent = this.svg) {
    const top = Math.min(Math.max(y, 9), this.height - 9);
    add(parent, "rect", { class: `tag ${tone}`, x: this.width - RIGHT + 1, y: top - 9, width: RIGHT - 3, height: 18, rx: 3 });
    add(parent, "text", { class: "on-tag", x: this.width - RIGHT + 7, y: top + 4 }, text);
  }

  redraw() {
    this.svg?.remove();
    this.svg = null;
    this.cross = null;
    this.points = [];
    [this.width, this.height] = [this.place.clientWidth, this.place.clientHeight];
    const isEmpty = !this.has();
    if (this.note) this.note.hidden = !isEmpty;
    if (isEmpty || this.width < 80) return;
    this.svg = add(this.place, "svg", { viewBox: `0 0 ${this.width} ${this.height}`, "aria-hidden": "true" });
    this.draw();
    this.show(this.at !== null && this.at < this.points.length ? this.at : null);
  }

  levels(low, high, count, y, taken = -100) {
    for (const value of steps(low, high, count)) {
      add(this.svg, "line", { class: "rule", x1: 0, x2: this.width - RIGHT, y1: y(value), y2: y(value) });
      if (Math.abs(y(value) - taken) > 16) add(this.svg, "text", { x: this.width - RIGHT + 7, y: y(value) + 4 }, number(value));
    }
  }
}

export class PriceChart extends Chart {
  /** `candles` are {label, open, high, low, close, volume, trades}, the oldest first. */
  set(candles) {
    this.candles = candles;
    const last = candles.at(-1);
    this.words = last ? words(last) : "";
    this.place.setAttribute("aria-label", last ? `Price and volume. Last: ${words(last)}` : "Price and volume: no trades yet");
    this.redraw();
  }

  has() {
    return this.candles?.length > 0;
  }

  draw() {
    const plot = this.width - RIGHT;
    const slot = Math.min(Math.max(plot / this.candles.length, 6), 16);
    const shown = this.candles.slice(-Math.floor(plot / slot));
    let low = Math.min(...shown.map((candle) => candle.low));
    let high = Math.max(...shown.map((candle) => candle.high));
    const room = Math.max((high - low) * 0.08, 1);
    [low, high] = [low - room, high + room];
    const bottom = this.height - BOTTOM;
    const floor = bottom - (bottom - TOP) * 0.2;
    const y = (price) => TOP + ((high - price) / (high - low)) * (floor - TOP);
    this.levels(low, high, Math.max(2, Math.floor(this.height / 60)), y, y(shown.at(-1).close));
    const most = Math.max(...shown.map((candle) => candle.volume), 1);
    const start = plot - shown.length * slot;
    const body = Math.max(Math.floor(slot * 0.64), 3);
    let labelled = -Infinity;
    shown.forEach((candle, at) => {
      const x = Math.round(start + (at + 0.5) * slot) + 0.5;
      const tone = candle.close >= candle.open ? "bid" : "ask";
      const bar = Math.max((candle.volume / most) * (bottom - floor - 8), 1);
      add(this.svg, "rect", { class: `bar ${tone}`, x: x - body / 2, y: bottom - bar, width: body, height: bar });
      add(this.svg, "line", { class: tone, x1: x, x2: x, y1: y(candle.high), y2: y(candle.low) });
      const [top, height] = [Math.min(y(candle.open), y(candle.close)), Math.abs(y(candle.open) - y(candle.close))];
      // Hollow when the price rose, solid when it fell.
      add(this.svg, "rect", { class: `body ${tone}`, x: x - body / 2, y: top, width: body, height: Math.max(height, 1) });
      if (x - labelled > 90 && x > 26 && x < plot - 26) {
        add(this.svg, "text", { x, y: this.height - 6, "text-anchor": "middle" }, candle.label);
        labelled = x;
      }
      this.points.push({ x, y: y(candle.close), price: candle.close, words: words(candle) });
    });
    add(this.svg, "line", { class: "rule", x1: 0, x2: plot, y1: bottom + 0.5, y2: bottom + 0.5 });
    const last = shown.at(-1);
    this.tag(y(last.close), number(last.close), last.close >= last.open ? "bid" : "ask");
  }
}

const words = (candle) =>
  `${candle.label}  O ${number(candle.open)}  H ${number(candle.high)}  L ${number(candle.low)}  C ${number(candle.close)}  Vol ${number(candle.volume)}`;

export class DepthChart extends Chart {
  /** `bids` and `asks` are {price, quantity}, the best first. */
  set({ bids, asks }) {
    const sum = (levels) => {
      let total = 0;
      return levels.map(({ price, quantity }) => ({ price, total: (total += quantity) }));
    };
    [this.bids, this.asks] = [sum(bids), sum(asks)];
    const side = (levels) => number(levels.at(-1)?.total ?? 0);
    this.words = this.has() ? `▲ ${side(this.bids)} bid   ▼ ${side(this.asks)} asked` : "";
    this.place.setAttribute("aria-label", this.has() ? `Depth: ${side(this.bids)} bid, ${side(this.asks)} asked` : "Depth: no orders");
    this.redraw();
  }

  has() {
    return this.bids?.length + this.asks?.length > 0;
  }

  /** From the middle to where nine tenths of each side are: one order far away must not flatten the rest. */
  range() {
    const [bid, ask] = [this.bids[0]?.price, this.asks[0]?.price];
    const middle = ((bid ?? ask) + (ask ?? bid)) / 2;
    const far = (levels) => {
      const enough = 0.9 * (levels.at(-1)?.total ?? 0);
      return Math.abs((levels.find((level) => level.total >= enough)?.price ?? middle) - middle);
    };
    const half = Math.max(far(this.bids), far(this.asks), 1) * 1.12;
    return [middle - half, middle + half];
  }

  draw() {
    const plot = this.width - RIGHT;
    const [low, high] = this.range();
    const x = (price) => Math.min(Math.max(((price - low) / (high - low)) * plot, 0), plot);
    const inside = (level) => level.price >= low && level.price <= high;
    const most = Math.max(...[...this.bids, ...this.asks].filter(inside).map((level) => level.total), 1) * 1.08;
    const bottom = this.height - BOTTOM;
    const y = (total) => bottom - (total / most) * (bottom - TOP);
    this.levels(most / 1000, most, Math.max(2, Math.floor(this.height / 70)), y);
    this.area(this.bids.filter(inside), "bid", x, y, 0);
    this.area(this.asks.filter(inside), "ask", x, y, plot);
    for (const price of steps(low, high, Math.max(2, Math.floor(plot / 110)))) {
      if (x(price) > 20 && x(price) < plot - 20) add(this.svg, "text", { x: x(price), y: this.height - 6, "text-anchor": "middle" }, number(price));
    }
    add(this.svg, "line", { class: "rule", x1: 0, x2: plot, y1: bottom + 0.5, y2: bottom + 0.5 });
    this.points.sort((a, b) => a.x - b.x);
  }

  area(levels, tone, x, y, end) {
    if (!levels.length) return;
    const bottom = y(0);
    let path = `M${x(levels[0].price)},${bottom}`;
    levels.forEach((level, at) => {
      path += `V${y(level.total)}H${at + 1 < levels.length ? x(levels[at + 1].price) : end}`;
      const what = tone === "bid" ? "bid at" : "asked up to";
      const say = tone === "bid" ? `▲ ${number(level.total)} ${what} ${number(level.price)} or more` : `▼ ${number(level.total)} ${what} ${number(level.price)}`;
      this.points.push({ x: x(level.price), y: y(level.total), total: level.total, words: say });
    });
    add(this.svg, "path", { class: `area ${tone}`, d: `${path}V${bottom}Z` });
    add(this.svg, "path", { class: `edge ${tone}`, d: path });
  }
}
