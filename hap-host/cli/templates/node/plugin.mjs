// Hap New Name: a bell that counts how often it rang. Put your own device in its place.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Fields, Plugin, run } from "./hap.mjs";

// Milliseconds between two strokes.
const PAUSE = 400;

export class Bell extends Plugin {
  #rung = 0;
  #volume;

  constructor(emit) {
    super(emit);
    this.configure({});
  }

  configure(settings) {
    const fields = new Fields(settings, "invalid_config");
    const volume = fields.wholeNumber("volume", 0, 100, 50);
    fields.end();
    // All of it is checked before any of it is in force.
    this.#volume = volume;
  }

  status() {
    return { rung: this.#rung, volume: this.#volume };
  }

  async ring(params) {
    const fields = new Fields(params, "invalid_params");
    const times = fields.wholeNumber("times", 1, 10, 1);
    fields.end();
    for (let stroke = 0; stroke < times; stroke += 1) {
      if (stroke > 0) await sleep(PAUSE);
      // Here the bell is struck, as loud as this.#volume says.
    }
    this.#rung += times;
    this.emit("bell.rung", { times, volume: this.#volume });
    return times > 1 ? `rang ${times} times` : "rang once";
  }

  reset(params) {
    new Fields(params, "invalid_params").end();
    this.#rung = 0;
    return "counting from 0";
  }

  commands = { ring: this.ring, reset: this.reset };
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  run((emit) => new Bell(emit));
}
