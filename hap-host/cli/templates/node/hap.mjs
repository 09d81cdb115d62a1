// The plugin's side of the protocol, of Node's standard library alone.
//
// What the bell does stands in plugin.mjs. This file serves it over HTTP, checks who asks, keeps events on the disk until
// the platform has them, and stops in order.

import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

const MOST_BODY = 1 << 20;
const MOST_CONNECTIONS = 128;
const MOST_WAITING = 1000;
// Seconds before an event is sent again; the last one holds from there on.
const PAUSES = [1, 5, 30, 120, 600, 1800];
// Seconds that events which still wait are given at a stop. What is left lies on the disk.
const LAST_ATTEMPTS = 3;
// The platform takes these for good, or never.
const DONE = [202, 400, 413, 415];
// Means: do not start me again until somebody has mended my configuration.
const EX_CONFIG = 78;

// The trace of the request that is answered, so that the events of a command belong to it.
const trace = new AsyncLocalStorage();

const log = (text) => console.error(text);

/** Why a request is refused: an HTTP status, a name for programs, and a text for people. */
export class Refusal extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** Reads the fields of an object one by one, and refuses what does not fit. */
export class Fields {
  #fields;
  #code;

  constructor(fields, code) {
    this.#code = code;
    if (!isObject(fields)) throw new Refusal(422, code, "expected an object");
    this.#fields = new Map(Object.entries(fields));
  }

  wholeNumber(name, least, most, byDefault) {
    const value = this.#fields.has(name) ? this.#fields.get(name) : byDefault;
    this.#fields.delete(name);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new Refusal(422, this.#code, `\`${name}\`: expected a whole number from ${least} to ${most}`);
    }
    return value;
  }

  end() {
    for (const name of this.#fields.keys()) {
      throw new Refusal(422, this.#code, `\`${name.slice(0, 100)}\`: there is no such field`);
    }
  }
}

/** What plugin.mjs fills in. */
export class Plugin {
  // The commands by name: functions of the parameters, an object, that return the result.
  commands = {};

  /** `emit(type, data)` tells the platform that something happened. */
  constructor(emit) {
    this.emit = emit;
  }

  /** Puts settings in force in place of all of before, or throws a Refusal and changes nothing. */
  configure(settings) {
    new Fields(settings, "invalid_config").end();
  }

  status() {
    return {};
  }
}

/** Serves the plugin that `make(emit)` makes until SIGTERM or Ctrl-C, and ends the process. */
export function run(make) {
  const environment = process.env;
  const token = environment.HAP_API_TOKEN ?? "";
  const id = environment.PLUGIN_ID ?? "hap-new-id";
  const port = Number(environment.PORT || 8000);
  let outbox;
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`PORT=${environment.PORT} is no port`);
    outbox = new Outbox(environment);
  } catch (error) {
    log(`cannot start: ${error.message}`);
    process.exit(EX_CONFIG);
  }
  const service = new Service(make((type, data) => outbox.emit(type, data)), id, token);
  const server = http.createServer({ requestTimeout: 30_000 }, (request, response) => {
    const answered = trace.run(request.headers.traceparent, () => service.answer(request, response));
    answered.catch((error) => {
      log(`an answer was not sent: ${error.message}`);
      response.destroy();
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on("error", (error) => {
    log(`cannot listen: ${error.message}`);
    process.exit(1);
  });
  // Without a token anybody may ask, so it is for this machine alone.
  const address = token ? "0.0.0.0" : "127.0.0.1";
  server.listen(port, address, () => log(`listening on ${address}:${port}`));
  outbox.sendAll();

  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    await service.stop();
    server.close();
    await outbox.stop(LAST_ATTEMPTS);
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** Answers requests. */
class Service {
  #plugin;
  #id;
  #token;
  #running = 0;
  #isStopping = false;
  #ended = () => {};

  constructor(plugin, id, token) {
    this.#plugin = plugin;
    this.#id = id;
    this.#token = token;
  }

  async answer(request, response) {
    let status = 200;
    let reply;
    try {
      const body = await read(request);
      reply = await this.#reply(request, body);
    } catch (error) {
      if (error instanceof Gone) return response.destroy();
      const isRefusal = error instanceof Refusal;
      // Requests are not logged: their headers hold the token.
      if (!isRefusal) log(`${request.method} ${request.url} failed: ${error.stack}`);
      status = isRefusal ? error.status : 500;
      reply = isRefusal
        ? { success: false, error: error.message, code: error.code }
        : { success: false, error: "internal error", code: "internal" };
    }
    const text = JSON.stringify(reply);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    // The rest of its body is not read.
    if (!request.complete) headers.connection = "close";
    response.writeHead(status, headers).end(text);
  }

  async #reply(request, body) {
    const { url, headers } = request;
    if (url === "/health") {
      expect(request, "GET");
      return { status: "healthy", plugin_id: this.#id };
    }
    this.#checkCaller(headers);
    switch (url) {
      case "/status":
        expect(request, "GET");
        return { plugin_id: this.#id, status: "running", data: await this.#plugin.status() };
      case "/command":
        expect(request, "POST");
        return this.#work(async () => ({ success: true, result: await this.#carryOut(parse(body), headers) }));
      case "/config":
        expect(request, "POST");
        return this.#work(async () => {
          await this.#plugin.configure(parse(body));
          return { success: true, message: "Configuration updated" };
        });
      default:
        throw new Refusal(404, "not_found", "there is no such path");
    }
  }

  async #carryOut(request, headers) {
    if (!isObject(request) || typeof request.command !== "string") {
      throw new Refusal(422, "invalid_command", 'expected {"command": "name", "params": {...}}');
    }
    if (headers["x-request-timeout-ms"] === "0") {
      throw new Refusal(504, "timeout", "nobody waits for it any more");
    }
    const { commands } = this.#plugin;
    if (!Object.hasOwn(commands, request.command)) {
      const known = Object.keys(commands).sort().join(", ");
      throw new Refusal(404, "unknown_command", `there is no such command; there are: ${known}`);
    }
    const params = request.params ?? {};
    if (!isObject(params)) throw new Refusal(422, "invalid_params", "`params`: expected an object");
    return (await commands[request.command].call(this.#plugin, params)) ?? null;
  }

  /** Does what a stop has to wait for. */
  async #work(work) {
    if (this.#isStopping) throw new Refusal(503, "stopping", "the plugin is stopping");
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      // Once the answer is on its way.
      setImmediate(() => this.#ended());
    }
  }

  /** Takes nothing new, and waits for what runs. */
  async stop() {
    this.#isStopping = true;
    await new Promise((resolve) => {
      this.#ended = () => this.#running === 0 && resolve();
      this.#ended();
    });
  }

  #checkCaller(headers) {
    if (!this.#token) {
      // Somebody tries it out. Pages of other sites are not meant.
      if ("origin" in headers || (headers["sec-fetch-site"] ?? "none") !== "none") {
        throw new Refusal(403, "cross_site", "pages of other sites are not answered");
      }
      return;
    }
    // Digests have the same length, whatever was sent.
    const digest = (text) => createHash("sha256").update(text).digest();
    const shown = digest(headers.authorization ?? "");
    if (!timingSafeEqual(shown, digest(`Bearer ${this.#token}`))) {
      throw new Refusal(401, "unauthorized", "the token of HAP_API_TOKEN is needed");
    }
  }
}

/** The client sends no more. */
class Gone extends Error {}

async function read(request) {
  const tooLong = new Refusal(413, "body_too_long", "the body may have at most 1 MiB");
  if (Number(request.headers["content-length"] ?? 0) > MOST_BODY) throw tooLong;
  return new Promise((resolve, reject) => {
    const pieces = [];
    let length = 0;
    request.on("data", (piece) => {
      length += piece.length;
      if (length > MOST_BODY) {
        request.pause();
        reject(tooLong);
      } else {
        pieces.push(piece);
      }
    });
    request.on("end", () => resolve(Buffer.concat(pieces)));
    request.on("error", () => reject(new Gone()));
  });
}

function parse(body) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Refusal(400, "invalid_json", "the body is no JSON");
  }
}

function expect(request, method) {
  if (request.method !== method) {
    throw new Refusal(405, "method_not_allowed", `${request.url} takes ${method}`);
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Sends events in their order, each until the platform has it.
 *
 * Where there is a data directory each one is a file there until then, so it outlives the process.
 */
class Outbox {
  #id;
  #url;
  #secret;
  #folder;
  #waiting = new Map();
  #isStopping = false;
  #wake = () => {};
  #emptied = () => {};
  #last = 0n;

  constructor(environment) {
    this.#id = environment.PLUGIN_ID ?? "hap-new-id";
    this.#url = environment.PLATFORM_API_URL && new URL(`${environment.PLATFORM_API_URL}/events`);
    this.#secret = environment.HAP_WEBHOOK_SECRET ?? "";
    if (this.#url && !this.#secret) throw new Error("PLATFORM_API_URL is set and HAP_WEBHOOK_SECRET is not");
    if (!environment.HAP_DATA_DIR) return;
    this.#folder = path.join(environment.HAP_DATA_DIR, "outbox");
    fs.mkdirSync(this.#folder, { recursive: true });
    const files = fs.readdirSync(this.#folder).filter((file) => file.endsWith(".json"));
    for (const file of files.sort()) {
      this.#waiting.set(path.basename(file, ".json"), fs.readFileSync(path.join(this.#folder, file)));
    }
  }

  /** Returns when the event is on the disk, or in memory where there is none. */
  emit(type, data) {
    if (!this.#url) return log(`no PLATFORM_API_URL, so this goes nowhere: ${type} ${JSON.stringify(data)}`);
    const id = randomUUID();
    const event = {
      specversion: "1.0",
      id,
      source: `/plugins/${this.#id}`,
      type,
      time: new Date().toISOString(),
      traceparent: trace.getStore(),
      data,
    };
    const body = Buffer.from(JSON.stringify(event));
    // Names sort as their events came, also where the clock stands still.
    const now = BigInt(Date.now()) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    const name = `${String(this.#last).padStart(20, "0")}-${id}`;
    if (this.#folder) write(this.#file(name), body);
    while (this.#waiting.size >= MOST_WAITING) {
      log("too many events wait; the oldest is lost");
      this.#remove(this.#waiting.keys().next().value);
    }
    this.#waiting.set(name, body);
    if (this.#waiting.size === 1) this.#wake();
  }

  async sendAll() {
    let failures = 0;
    for (;;) {
      if (this.#waiting.size === 0) {
        this.#emptied();
        await this.#sleep();
        continue;
      }
      const [name, body] = this.#waiting.entries().next().value;
      const [isDone, asked] = await this.#send(name, body);
      if (isDone) {
        failures = 0;
        this.#remove(name);
        continue;
      }
      if (this.#isStopping) return;
      const pause = Math.max(PAUSES[Math.min(failures, PAUSES.length - 1)], asked);
      failures += 1;
      // The last attempt is made at the stop, without the rest of the pause.
      await this.#sleep(pause);
    }
  }

  /** Gives what waits one more chance. */
  async stop(seconds) {
    this.#isStopping = true;
    if (this.#waiting.size === 0) return;
    await new Promise((resolve) => {
      this.#emptied = resolve;
      setTimeout(resolve, seconds * 1000);
      this.#wake();
    });
    if (this.#waiting.size > 0) log(`${this.#waiting.size} events wait for the next start`);
  }

  #sleep(seconds) {
    return new Promise((resolve) => {
      const timer = seconds && setTimeout(resolve, seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #file(name) {
    return path.join(this.#folder, `${name}.json`);
  }

  #remove(name) {
    this.#waiting.delete(name);
    if (this.#folder) fs.rmSync(this.#file(name), { force: true });
  }

  /** Whether the event is done with, and for how many seconds the platform does not want it again. */
  async #send(name, body) {
    const message = name.slice(name.indexOf("-") + 1);
    const now = String(Math.floor(Date.now() / 1000));
    const headers = {
      "content-type": "application/cloudevents+json",
      "content-length": body.length,
      "webhook-id": message,
      "webhook-timestamp": now,
      "webhook-signature": sign(this.#secret, message, now, body),
    };
    let answer;
    try {
      answer = await post(this.#url, headers, body);
    } catch (error) {
      log(`an event was not delivered, and is sent again: ${error.message}`);
      return [false, 0];
    }
    const { status, text } = answer;
    const isDone = DONE.includes(status) || (status === 403 && text.includes('"foreign_source"'));
    if (isDone && status !== 202) log(`the platform does not take an event (${status}): ${JSON.stringify(text)}`);
    if (!isDone) log(`an event was answered with ${status}, and is sent again`);
    const after = /^\d+$/.test(answer.after ?? "") ? Number(answer.after) : 0;
    return [isDone, Math.min(after, 3600)];
  }
}

function post(url, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers, agent: false, signal: AbortSignal.timeout(15_000) };
    const request = http.request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => {
        if (text.length < 500) text += piece.slice(0, 500);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, after: response.headers["retry-after"], text }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** The header `webhook-signature`, as Standard Webhooks has it. The key is the decoded secret. */
export function sign(secret, message, timestamp, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${message}.${timestamp}.`).update(body).digest("base64");
  return `v1,${signature}`;
}

/** Writes a file that is there as a whole or not at all, whoever is killed meanwhile. */
function write(file, data) {
  const part = file.replace(/\.json$/, ".part");
  const opened = fs.openSync(part, "w");
  try {
    fs.writeSync(opened, data);
    fs.fsyncSync(opened);
  } finally {
    fs.closeSync(opened);
  }
  fs.renameSync(part, file);
}
