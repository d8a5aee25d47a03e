// The market page. The server has rendered what there was; this keeps it up to date, draws the charts, and sends what you ask for.

import { Refusal, call, credential, isCounted, listen } from "./api.js";
import { DepthChart, PriceChart, number } from "./charts.js";

const byId = (id) => document.getElementById(id);
let { view, capability } = document.documentElement.dataset;
const isSimulation = view === "simulation";
const LEVELS = matchMedia("(max-width: 640px)").matches ? 8 : 14;
const TAPE = 50;

const price = new PriceChart(byId("price-chart"), byId("price-readout"));
const depth = new DepthChart(byId("depth-chart"), byId("depth-readout"));

/** An element with text. Whatever comes from the server goes through here, never through markup. */
function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// ---- What is shown

function row(cells, className) {
  const node = element("tr", className);
  node.append(...cells.map(([text, tone]) => element("td", tone, text)));
  return node;
}

function side(body, levels, isAsk, most) {
  let total = 0;
  const rows = levels.slice(0, LEVELS).map((level) => {
    total += level.quantity;
    const node = row([[number(level.price)], [number(level.quantity)], [number(level.orders), "faint"], [number(total), "faint"]]);
    node.dataset.price = level.price;
    node.style.setProperty("--fill", `${((100 * total) / most).toFixed(1)}%`);
    return node;
  });
  // As many rows as ever, so that nothing jumps.
  while (rows.length < LEVELS) rows.push(row([["\u00a0"], [""], [""], [""]]));
  body.replaceChildren(...(isAsk ? rows.reverse() : rows));
}

function showBook({ bids, asks }, last) {
  const reach = (levels) => levels.slice(0, LEVELS).reduce((sum, level) => sum + level.quantity, 0);
  const most = Math.max(reach(bids), reach(asks), 1);
  side(byId("asks"), asks, true, most);
  side(byId("bids"), bids, false, most);
  const spread = bids.length && asks.length ? asks[0].price - bids[0].price : null;
  const middle = byId("middle");
  if (!bids.length && !asks.length) {
    middle.replaceChildren(element("span", "faint", "No orders are open: asks wait above, bids below."));
  } else {
    const words = spread === null ? "one side only" : spread < 0 ? `crossed by ${number(-spread)}: waits for a match` : `spread ${number(spread)}`;
    middle.replaceChildren(element("b", "", last == null ? "–" : number(last)), element("span", "faint", words));
  }
  depth.set({ bids, asks });
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let seen = null;

function showTrades(trades) {
  const rows = trades.slice(0, TAPE).map((trade, at) => {
    // Which side arrived; where nobody says it, whether the price rose.
    const isUp = trade.taker ? trade.taker === "bid" : trade.price >= (trades[at + 1] ?? trade).price;
    const failed = trade.status === "failed" || trade.status === "reversed";
    const when = isSimulation ? number(trade.tick) : clock.format(new Date(trade.created_at));
    const fresh = seen && !seen.has(trade.id) ? `fresh ${isUp ? "up-row" : "down-row"}` : "";
    const node = row([[`${isUp ? "▲" : "▼"} ${number(trade.price)}`, isUp ? "up" : "down"], [failed ? trade.status : number(trade.quantity ?? 1), failed ? "faint" : ""], [when, "faint"]], fresh);
    node.dataset.trade = trade.id;
    if (failed) node.title = trade.status === "reversed" ? "Not delivered, and paid back" : isSimulation ? "Not delivered, and not paid" : "Not delivered, and not paid back yet";
    return node;
  });
  seen = new Set(trades.map((trade) => trade.id));
  if (rows.length) byId("trades").replaceChildren(...rows);
}

function showPairs(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([name, text, className]) => {
      const group = element("div", className);
      group.append(element("dt", "", name), element("dd", "", text ?? "–"));
      return group;
    }),
  );
}

const level = (found) => (found ? `${number(found.price)} × ${number(found.quantity)}` : null);

function showTicker(ticker) {
  if (!ticker) return;
  const plain = (value) => (value == null ? null : number(Number(value)));
  showPairs(byId("ticker"), [
    ["Last", plain(ticker.last_price), "last"],
    ["Bid", level(ticker.best_bid)],
    ["Ask", level(ticker.best_ask)],
    ["Spread", plain(ticker.spread)],
    ["High 24 h", plain(ticker.high_24h)],
    ["Low 24 h", plain(ticker.low_24h)],
    ["Average 24 h", plain(ticker.vwap_24h)],
    ["Volume 24 h", plain(ticker.volume_24h)],
  ]);
  document.title = `${ticker.last_price == null ? "" : `${number(ticker.last_price)} `}${capability} – Rialto market`;
}

// ---- Keeping up

let isLive = false;
let asked = 0;
let timer = null;
let notBefore = 0;

/** Reads everything once, soon: however much happens, not more often than the server likes. */
function refresh(soon = true) {
  const gap = isCounted ? 1_500 : 250;
  const idle = isLive ? 5_000 : 3_000;
  const at = Math.max(asked + (soon ? gap : idle), notBefore);
  if (timer && timer.at <= at) return;
  if (timer) clearTimeout(timer.id);
  timer = { at, id: setTimeout(read, Math.max(at - Date.now(), 0)) };
}

async function read() {
  timer = null;
  asked = Date.now();
  try {
    if (!document.hidden) await show();
    state();
  } catch (error) {
    notBefore = Date.now() + (error.wait || 2_000);
    if (!(error instanceof Refusal)) state("lost", "out of reach");
    else if (error.status === 429) state("polling", "slowed down");
    else state("lost", error.message);
  }
  refresh(false);
}

function state(name = isLive ? "live" : "polling", text = isLive ? "live" : "every 3 s") {
  byId("link").dataset.state = name;
  if (byId("link-text").textContent !== text) byId("link-text").textContent = text;
}

async function show() {
  const query = new URLSearchParams({ view, capability });
  const now = await call("GET", `/market?${query}`);
  // The first order of all says what the page is about.
  if (!isSimulation) capability ||= now.capability ?? "";
  const book = { bids: now.depth?.bids ?? [], asks: now.depth?.asks ?? [] };
  showTicker(now.ticker);
  showBook(book, now.trades?.[0]?.price);
  showTrades(now.trades ?? []);
  if (isSimulation) showRun(now);
  else await showCandles();
}

// ---- The market: candles and orders

const INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"];
let interval = sessionStorage.getItem("rialto.interval") ?? "1m";
let lastTrade = null;

async function showCandles() {
  const newest = byId("trades").firstElementChild?.dataset.trade ?? "";
  if (!capability || lastTrade === `${interval} ${newest}`) return;
  const candles = await call("GET", `/market/candles/${encodeURIComponent(capability)}?interval=${interval}&limit=180`);
  lastTrade = `${interval} ${newest}`;
  const isLong = interval.endsWith("d") || interval.endsWith("h");
  const label = new Intl.DateTimeFormat("en-GB", isLong ? { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" });
  price.set(candles.reverse().map((candle) => ({ ...candle, label: label.format(new Date(candle.start)) })));
}

function setUpIntervals() {
  for (const name of INTERVALS) {
    const button = element("button", "", name);
    button.type = "button";
    button.addEventListener("click", () => {
      interval = name;
      sessionStorage.setItem("rialto.interval", name);
      mark();
      refresh();
    });
    byId("intervals").append(button);
  }
  const mark = () => [...byId("intervals").children].forEach((button) => button.setAttribute("aria-pressed", button.textContent === interval));
  mark();
}

function say(place, tone, text) {
  place.dataset.tone = tone;
  place.textContent = text;
}

/** Does what a button asks for, and says how it went. */
async function act(place, button, work) {
  button.disabled = true;
  say(place, "", "…");
  try {
    say(place, "good", await work());
  } catch (error) {
    say(place, "bad", error.status === 401 ? "This takes a credential: sign in above." : error.message);
    if (error.status === 401) openSignIn();
  }
  button.disabled = false;
  refresh();
}

function setUpTicket(form) {
  const button = form.querySelector("button");
  const label = () => {
    const [bid, total] = [form.side.value === "bid", Number(form.price.value) * Number(form.quantity.value)];
    button.className = `main ${form.side.value}`;
    button.textContent = `Place ${bid ? "bid" : "ask"}${total > 0 ? ` · ${number(total)} credits` : ""}`;
  };
  form.addEventListener("input", label);
  label();
  // A click on a price takes it over.
  byId("ladder").addEventListener("click", ({ target }) => {
    const found = target.closest("tr[data-price]");
    if (!found) return;
    form.price.value = found.dataset.price;
    label();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void act(byId("ticket-said"), button, async () => {
      const order = {
        agent_id: form.agent_id.value.trim(),
        side: form.side.value,
        capability: form.capability.value,
        price: Number(form.price.value),
        quantity: Number(form.quantity.value),
        ...(form.immediate.checked ? { match: "immediate" } : {}),
      };
      const placed = await call("POST", "/market/orders", order);
      if (order.capability !== capability) location.assign(`/market?${new URLSearchParams({ capability: order.capability })}`);
      const traded = placed.trades?.length ?? 0;
      return traded ? `Placed; ${traded} trade${traded > 1 ? "s" : ""} at once.` : "Placed; it waits in the book.";
    });
  });
}

// ---- The simulation

let running = false;

function showRun(now) {
  const run = now.run ?? {};
  running = run.status === "running";
  byId("start").disabled = running;
  byId("stop").disabled = !running;
  byId("progress").max = run.total_ticks || 1;
  byId("progress").value = run.current_tick ?? 0;
  byId("tape-readout").textContent = run.scenario_name ? `${run.scenario_name.replaceAll("_", " ")}` : "";
  const plain = (value) => number(Number(value ?? 0));
  showPairs(byId("run"), [
    ["Status", run.status ?? "idle"],
    ["Tick", `${plain(run.current_tick)} / ${plain(run.total_ticks)}`],
    ["Agents", plain(run.agents_count)],
    ["Trades", plain(run.total_trades)],
    ["Volume", plain(run.total_volume)],
    ["Per trade", run.total_trades ? number(run.total_volume / run.total_trades) : null],
  ]);
  if (run.status === "error" && run.error) say(byId("scenario-said"), "bad", run.error);
  const spread = now.depth?.bids?.length && now.depth?.asks?.length ? now.depth.asks[0].price - now.depth.bids[0].price : null;
  const last = now.trades?.[0]?.price;
  showPairs(byId("ticker"), [
    ["Last", last == null ? null : number(last), "last"],
    ["Bid", level(now.depth?.bids?.[0])],
    ["Ask", level(now.depth?.asks?.[0])],
    ["Spread", spread === null ? null : number(spread)],
  ]);
  price.set((now.candles ?? []).map((candle) => ({ ...candle, label: `tick ${number(candle.tick)}` })));
  showCapabilities(now.capabilities ?? [], now.capability);
}

/** A run brings its own capabilities: offer them as soon as they are there. */
function showCapabilities(list, current) {
  const select = byId("capability");
  const names = list.map((found) => found.capability);
  if (!names.length) return;
  if (names.length === select.options.length && names.every((name, at) => select.options[at].value === name)) return;
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === current)));
}

async function setUpScenario(form) {
  const list = await call("GET", "/scenarios");
  const settings = ["tick_count", "tick_interval_ms", "service_agent_count", "buyer_agent_count", "initial_balance"];
  form.scenario_name.replaceChildren(...list.map(({ name }) => new Option(name.replaceAll("_", " "), name)));
  const choose = () => {
    const found = list.find(({ name }) => name === form.scenario_name.value);
    byId("scenario-description").textContent = found?.description ?? "";
    for (const name of settings) form[name].value = found?.default_config?.[name] ?? "";
  };
  form.scenario_name.addEventListener("change", choose);
  choose();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void act(byId("scenario-said"), byId("start"), async () => {
      const filled = [...settings, "seed"].filter((name) => form[name].value !== "");
      const config = Object.fromEntries(filled.map((name) => [name, Number(form[name].value)]));
      await call("POST", "/scenarios/start", { scenario_name: form.scenario_name.value, ...config });
      return "Started.";
    });
  });
  byId("stop").addEventListener("click", () => {
    void act(byId("scenario-said"), byId("stop"), async () => {
      await call("POST", "/scenarios/stop");
      return "Stopped.";
    });
  });
}

// ---- The credential

function openSignIn() {
  byId("secret").value = credential.get() ?? "";
  byId("sign-in").showModal();
}

function setUpSignIn() {
  const label = () => (byId("credential").textContent = credential.get() ? "Signed in" : "Sign in");
  byId("credential").hidden = false;
  byId("credential").addEventListener("click", openSignIn);
  byId("sign-in").addEventListener("close", () => {
    const { returnValue } = byId("sign-in");
    if (returnValue === "keep") credential.set(byId("secret").value.trim());
    if (returnValue === "forget") credential.set(null);
    byId("secret").value = "";
    byId("sign-in").returnValue = "";
    label();
  });
  label();
}

setUpSignIn();
byId("capability").addEventListener("change", () => byId("pick").requestSubmit());
if (isSimulation) {
  setUpScenario(byId("scenario")).catch((error) => say(byId("scenario-said"), "bad", error.message));
} else {
  setUpIntervals();
  setUpTicket(byId("ticket"));
}
document.addEventListener("visibilitychange", () => document.hidden || refresh());
listen(
  { simulated: isSimulation, ...(!isSimulation && capability ? { capability } : {}) },
  () => refresh(),
  (name) => {
    isLive = name === "live";
    state();
    refresh();
  },
);
refresh();
