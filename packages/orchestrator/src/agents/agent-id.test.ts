import assert from "node:assert/strict";
import { test } from "node:test";
import { agentId } from "./agent-id.ts";

test("agentId: agent_ and 20 characters, the same for the same key and name", () => {
  assert.match(agentId("key_1", "home"), /^agent_[0-9a-hjkmnp-tv-z]{20}$/);
  assert.equal(agentId("key_1", "home"), agentId("key_1", "home"));
  // Durable across versions: the ids of running installations depend on it.
  assert.equal(agentId("static:agent:home", "attic"), "agent_zk1skq85xnv2p9k6asnf");
});

test("agentId: another name, another key or a shifted border is another agent", () => {
  const ids = [agentId("key_1", "home"), agentId("key_2", "home"), agentId("key_1", "hom")];
  ids.push(agentId("key_1h", "ome"));
  assert.equal(new Set(ids).size, ids.length);
});
