import assert from "node:assert/strict";
import { test } from "node:test";
import { jobHeaders } from "./answer-headers.ts";

test("jobHeaders: as far as the job got", () => {
  assert.deepEqual(jobHeaders({}), {});
  assert.deepEqual(jobHeaders({ jobId: "job_1", attempts: [] }), {
    "Porchlight-Job": "job_1",
    "Porchlight-Attempts": "0",
  });
  const attempts = [
    { agent: "agent_1", error: "agent_lost" as const, ms: 1 },
    { agent: "agent_2", ms: 2 },
  ];
  assert.deepEqual(jobHeaders({ attempts }), {
    "Porchlight-Exit": "agent_2",
    "Porchlight-Attempts": "2",
  });
});

test("jobHeaders: a session that has moved, and no word of one that has not", () => {
  const session = { id: "cart", moved: true, expiresAt: "2026-01-31T00:00:00.000Z" };
  assert.deepEqual(jobHeaders({ session }), { "Porchlight-Session": "moved" });
  assert.deepEqual(jobHeaders({ session: { ...session, moved: false } }), {});
});
