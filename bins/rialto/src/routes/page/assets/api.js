// What the page asks of the server: answers, and the stream of what happens.

const KEPT = "rialto.credential";

/** The credential of this tab, or null. It is never kept longer than the tab. */
export const credential = {
  get: () => sessionStorage.getItem(KEPT),
  set: (secret) => (secret ? sessionStorage.setItem(KEPT, secret) : sessionStorage.removeItem(KEPT)),
};

/** An answer that is no success: its problem in words, its status, and when to come back. */
export class Refusal extends Error {
  constructor(status, problem, wait) {
    const fields = (problem.errors ?? []).map((error) => `${(error.field ?? "").replace(/^body\./, "")} ${error.message ?? ""}`.trim());
    super(fields.join("; ") || problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.wait = wait;
  }
}

/** True once the server has shown that it counts requests: then the page asks less often. */
export let isCounted = false;

/** Reads JSON, or sends some. Throws a Refusal, or a TypeError when the server is out of reach. */
export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  const secret = credential.get();
  if (secret && method !== "GET") {
    if (secret.startsWith("eyJ") || secret.includes(":")) headers.Authorization = `Bearer ${secret}`;
    else headers["X-API-Key"] = secret;
  }
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  isCounted ||= answer.headers.has("RateLimit");
  const text = await answer.text();
  let json = {};
  try {
    json = text ? JSON.parse(text) : {};
  } catch {
    if (answer.ok) throw new Refusal(answer.status, { detail: "The server's answer is no JSON." });
  }
  if (!answer.ok) throw new Refusal(answer.status, json, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
  return json;
}

/**
 * Listens to the stream, and goes on where it was when it was cut off.
 * `onEvent` gets each message, `onState` "live" or "polling".
 */
export function listen(query, onEvent, onState) {
  let seq = null;
  let wait = 500;
  const connect = () => {
    const url = new URL("/ws/events", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    if (seq !== null) url.searchParams.set("after", seq);
    const socket = new WebSocket(url);
    socket.onopen = () => {
      wait = 500;
      onState("live");
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      seq = message.seq;
      onEvent(message);
    };
    socket.onclose = ({ code }) => {
      onState("polling");
      // What was missed is not kept any more: begin with what there is.
      if (code === 4410) seq = null;
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 15_000);
    };
  };
  connect();
}
