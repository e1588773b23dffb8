import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import { FAILURES_TO_OPEN, FIRST_COOL_DOWN_MS } from "./breaker.ts";
import { ExitHealth, FORGIVEN_AFTER_MS, MAX_TROUBLED_DOMAINS } from "./exit-health.ts";
import { Target } from "./target.ts";

interface Exit {
  readonly name: string;
}

const A: Exit = { name: "a" };
const B: Exit = { name: "b" };
const SHOP = new Target("www.shop.example");
const NEWS = new Target("news.example:8080");

/** Lets an agent fail so often that it may cool down. */
function fail(
  health: ExitHealth<Exit>,
  code: ErrorCode,
  { exit = A, target = SHOP, ms = 5_000, nowMs = 0 } = {},
): void {
  for (let failure = 0; failure < FAILURES_TO_OPEN; failure++) {
    health.failed(exit, target, { code, ms, nowMs });
  }
}

function cools(health: ExitHealth<Exit>, ...asked: [Exit, Target, nowMs?: number]): boolean {
  const [exit, target, nowMs = 0] = asked;
  return health.coolUntilMs(exit, target, nowMs) > 0;
}

describe("ExitHealth", () => {
  const codes = Object.keys(ERRORS) as ErrorCode[];

  for (const code of codes.filter((each) => ERRORS[each].fault === "agent")) {
    it(`${code} is held against the agent, whatever the target`, () => {
      const health = new ExitHealth<Exit>();
      fail(health, code);
      assert.deepEqual([cools(health, A, SHOP), cools(health, A, NEWS)], [true, true]);
      assert.equal(cools(health, B, SHOP), false);
      assert.deepEqual(health.open(0), { agents: 1, targets: 0 });
    });
  }

  const tooMuch: readonly ErrorCode[] = ["response_too_large", "too_many_redirects"];
  const failures = codes.filter((each) => ERRORS[each].fault === "target");

  for (const code of failures.filter((each) => !tooMuch.includes(each))) {
    it(`${code} is held against the agent for that domain alone`, () => {
      const health = new ExitHealth<Exit>();
      fail(health, code);
      assert.equal(cools(health, A, new Target("api.shop.example")), true);
      assert.equal(cools(health, A, SHOP), true);
      assert.equal(cools(health, A, NEWS), false);
      assert.equal(cools(health, B, SHOP), false);
      assert.deepEqual(health.open(0), { agents: 0, targets: 1 });
    });
  }

  const others = codes.filter((each) => ["client", "orchestrator"].includes(ERRORS[each].fault));

  for (const code of [...others, ...tooMuch]) {
    it(`${code} is held against nobody`, () => {
      const health = new ExitHealth<Exit>();
      fail(health, code);
      assert.equal(cools(health, A, SHOP), false);
      assert.deepEqual(health.open(0), { agents: 0, targets: 0 });
    });
  }

  for (const code of ["connect_timeout", "target_timeout", "job_timeout"] as const) {
    it(`${code} of a client in a hurry, in less than 2 s, is held against nobody`, () => {
      const health = new ExitHealth<Exit>();
      fail(health, code, { ms: 1_999 });
      assert.equal(cools(health, A, SHOP), false);
      fail(health, code, { ms: 2_000 });
      assert.equal(cools(health, A, SHOP), true);
    });
  }

  it("an answer closes the breakers of the agent and of that domain, no other", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "dns_failed");
    fail(health, "dns_failed", { target: NEWS });
    fail(health, "agent_lost");
    health.succeeded(A, SHOP);
    assert.deepEqual([cools(health, A, SHOP), cools(health, A, NEWS)], [false, true]);
    health.succeeded(A, NEWS);
    assert.deepEqual(health.open(0), { agents: 0, targets: 0 });
  });

  it("failures in a row are those without an answer in between", () => {
    const health = new ExitHealth<Exit>();
    for (let round = 0; round < 5; round++) {
      health.failed(A, SHOP, { code: "dns_failed", ms: 1, nowMs: round });
      health.failed(A, SHOP, { code: "dns_failed", ms: 1, nowMs: round });
      health.succeeded(A, SHOP);
    }
    assert.equal(cools(health, A, SHOP), false);
  });

  it("an agent that tells of its target's failures works: its own breaker closes", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "agent_lost");
    health.failed(A, NEWS, { code: "connection_refused", ms: 1, nowMs: 1 });
    assert.equal(cools(health, A, SHOP, 1), false);
  });

  it("recovers by one probe at a time, and a cancelled one lets the next go", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "dns_failed");
    fail(health, "agent_lost");
    const dueMs = FIRST_COOL_DOWN_MS;
    assert.equal(cools(health, A, SHOP, dueMs), false);
    health.chosen(A, SHOP, dueMs);
    assert.deepEqual([cools(health, A, SHOP, dueMs), cools(health, A, NEWS, dueMs)], [true, true]);
    health.failed(A, SHOP, { code: "cancelled", ms: 1, nowMs: dueMs + 1 });
    assert.equal(cools(health, A, SHOP, dueMs + 1), false);
    health.chosen(A, SHOP, dueMs + 1);
    health.succeeded(A, SHOP);
    assert.deepEqual(health.open(dueMs + 2), { agents: 0, targets: 0 });
  });

  it("forgives who has not failed for ten minutes, and keeps nothing of it", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "agent_lost");
    fail(health, "agent_lost", { exit: B, nowMs: 1_000 });
    assert.equal(health.open(FORGIVEN_AFTER_MS - 1).agents, 2);
    assert.equal(health.open(FORGIVEN_AFTER_MS).agents, 1);
    health.failed(A, SHOP, { code: "agent_lost", ms: 1, nowMs: FORGIVEN_AFTER_MS });
    assert.equal(cools(health, A, SHOP, FORGIVEN_AFTER_MS), false);
  });

  it("forgives each by its own last failure, whoever else goes on failing", () => {
    const health = new ExitHealth<Exit>();
    for (const exit of [A, B]) fail(health, "agent_lost", { exit });
    fail(health, "agent_lost", { nowMs: FORGIVEN_AFTER_MS - 1 });
    health.failed(B, NEWS, { code: "agent_lost", ms: 1, nowMs: FORGIVEN_AFTER_MS });
    assert.equal(cools(health, B, NEWS, FORGIVEN_AFTER_MS), false);
    assert.deepEqual(health.open(FORGIVEN_AFTER_MS), { agents: 1, targets: 0 });
  });

  it("an agent lost in a domain's probe says nothing of the domain: the next probe may go", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "dns_failed");
    health.chosen(A, SHOP, FIRST_COOL_DOWN_MS);
    health.failed(A, SHOP, { code: "agent_lost", ms: 1, nowMs: FIRST_COOL_DOWN_MS + 1 });
    assert.equal(cools(health, A, SHOP, FIRST_COOL_DOWN_MS + 1), false);
  });

  it("asks no probe of who is forgiven", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "agent_lost");
    fail(health, "dns_failed");
    health.chosen(A, SHOP, FORGIVEN_AFTER_MS);
    assert.equal(cools(health, A, SHOP, FORGIVEN_AFTER_MS), false);
  });

  it("open counts no breaker that is still closed", () => {
    const health = new ExitHealth<Exit>();
    for (const code of ["dns_failed", "agent_lost"] as const) {
      health.failed(A, SHOP, { code, ms: 1, nowMs: 0 });
    }
    assert.deepEqual(health.open(0), { agents: 0, targets: 0 });
  });

  it("remembers a bounded number of domains of one agent", () => {
    const health = new ExitHealth<Exit>();
    for (let domain = 0; domain < 2 * MAX_TROUBLED_DOMAINS; domain++) {
      fail(health, "dns_failed", { target: new Target(`${domain}.invalid`) });
    }
    assert.equal(health.open(0).targets, MAX_TROUBLED_DOMAINS);
    assert.equal(cools(health, A, new Target("0.invalid")), false);
    assert.equal(cools(health, A, new Target(`${2 * MAX_TROUBLED_DOMAINS - 1}.invalid`)), true);
  });

  it("does not look at the target of an agent that has not failed", () => {
    const health = new ExitHealth<Exit>();
    fail(health, "dns_failed");
    const unasked = {
      get domain(): string {
        return assert.fail("looked up");
      },
    } as Target;
    assert.equal(cools(health, B, unasked), false);
    health.chosen(B, unasked, 0);
    health.succeeded(B, unasked);
  });
});
