// node --test

import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";

import { Refusal, sign } from "./hap.mjs";
import { Bell } from "./plugin.mjs";

function bell() {
  const events = [];
  return [new Bell((type, data) => events.push({ type, data })), events];
}

test("a ring is counted and told to the platform", async () => {
  const [plugin, events] = bell();
  plugin.configure({ volume: 30 });
  assert.equal(await plugin.ring({ times: 2 }), "rang 2 times");
  assert.equal(await plugin.ring({}), "rang once");
  assert.deepEqual(plugin.status(), { rung: 3, volume: 30 });
  assert.deepEqual(events[0], { type: "bell.rung", data: { times: 2, volume: 30 } });
});

test("a reset begins to count anew", async () => {
  const [plugin] = bell();
  await plugin.ring({});
  plugin.reset({});
  assert.equal(plugin.status().rung, 0);
});

test("parameters that do not fit are refused by name", async () => {
  const [plugin, events] = bell();
  for (const params of [{ times: 0 }, { times: "often" }, { times: 1.5 }, { time: 1 }]) {
    await assert.rejects(plugin.ring(params), /`time/);
  }
  assert.deepEqual(events, []);
});

test("refused settings change nothing", () => {
  const [plugin] = bell();
  plugin.configure({ volume: 30 });
  for (const settings of [{ volume: 101 }, { loudness: 3 }, [], null]) {
    assert.throws(() => plugin.configure(settings), Refusal);
  }
  assert.equal(plugin.status().volume, 30);
  plugin.configure({});
  assert.equal(plugin.status().volume, 50);
});

test("the manifest tells the settings and their default", () => {
  const manifest = JSON.parse(fs.readFileSync(new URL("manifest.json", import.meta.url), "utf8"));
  const [plugin] = bell();
  for (const [name, schema] of Object.entries(manifest.config_schema.properties)) {
    assert.equal(plugin.status()[name], schema.default);
  }
});

test("a signature is that of the protocol", () => {
  const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
  const signature = sign(secret, "msg-1", "1700000000", '{"type":"motion"}');
  assert.equal(signature, "v1,3EVQ5yS/Ox9uhRbDdLrS+Bm/Swq3+vGLQGpCICxc34Q=");
});
