import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { createLogger } from "@porchlight/runtime/logger";
import { Registry, type AgentRecord } from "../agents/registry.ts";
import { connectAgent, type ScriptedLink } from "../jobs/scripted-agent.ts";
import { WaitingLine } from "../jobs/waiting-line.ts";
import { Affinities } from "../routing/affinities.ts";
import { Selector } from "../routing/selector.ts";
import { REQUEST, ScriptedDoor } from "./door-fixture.ts";
import type { RunningTunnel, TunnelDoor, TunnelRequest } from "./tunnel-request.ts";
import { Tunnels } from "./tunnels.ts";

describe("Tunnels", () => {
  let registry: Registry;
  let line: WaitingLine;
  let tunnels: Tunnels;
  let door: ScriptedDoor;
  let logged: Record<string, unknown>[];

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate", "Date"] });
    registry = new Registry();
    const selector = new Selector<AgentRecord>({
      pool: registry,
      strategy: "round-robin",
      random: () => 0,
    });
    line = new WaitingLine({ registry, selector, now: Date.now });
    logged = [];
    const destination = {
      write: (text: string) => void logged.push(JSON.parse(text) as Record<string, unknown>),
    };
    const logger = createLogger({ name: "test", level: "info", pretty: false, destination });
    tunnels = new Tunnels({
      waitingLine: line,
      selector,
      affinities: new Affinities(),
      queueWaitMs: 1_000,
      logger,
      now: Date.now,
    });
    door = new ScriptedDoor();
  });

  afterEach(() => mock.timers.reset());

  function open(part: Partial<TunnelRequest> = {}, into: TunnelDoor = door): RunningTunnel {
    return tunnels.open({ ...REQUEST, ...part }, into);
  }

  /** Connects agents `a`, `b`, …, in the order in which they are tried. */
  function connect(count: number, maxConcurrency = 8): ScriptedLink[] {
    const names = ["a", "b", "c", "d"].slice(0, count);
    return names.map((name) => connectAgent(registry, name, { maxConcurrency }).link);
  }

  function record(name: string): AgentRecord {
    return registry.find(name)!;
  }

  it("faults P21: is open only when the agent has connected", () => {
    const [a] = connect(1);
    open();
    assert.deepEqual(a!.tunnels[0]!.open, {
      kind: "tcp",
      jobId: "job_1",
      requestId: "req_1",
      host: "example.com",
      port: 443,
      connectTimeoutMs: 9_750,
    });
    assert.deepEqual(door.heard, []);
    mock.timers.tick(5);
    a!.tunnels[0]!.connect();
    assert.deepEqual(door.heard, ["open"]);
    const agent = record("a").id;
    assert.deepEqual(door.opened?.exit, { agentId: agent, name: "a", ip: "203.0.113.7" });
    assert.deepEqual(door.opened?.attempts, [{ agent, ms: 5 }]);
    assert.equal(door.opened?.head.address, "198.51.100.1");
  });

  it("passes bytes, credit and drain both ways and counts them", () => {
    const [a] = connect(1);
    open();
    const tunnel = a!.tunnels[0]!;
    tunnel.connect();
    tunnel.writable = false;
    assert.equal(door.exchange.write(Buffer.from("hello"), 24), false);
    assert.equal(tunnel.roomInFront, 24);
    tunnel.listener.onDrain();
    tunnel.listener.onData(Buffer.from("hi"));
    door.exchange.consume(2);
    assert.deepEqual(door.heard, ["open", "drain", "data hi"]);
    assert.equal(tunnel.consumedBytes, 2);
    assert.equal(Buffer.concat(tunnel.written).toString(), "hello");
    assert.equal(record("a").bytesSent, 5);
    assert.equal(record("a").bytesReceived, 2);
  });

  for (const first of ["target", "client"]) {
    it(`faults P15: ends when both sides have, the ${first} first; the slot is held until then`, () => {
      const [a] = connect(1);
      open();
      const tunnel = a!.tunnels[0]!;
      tunnel.connect();
      if (first === "target") tunnel.listener.onEnd();
      else door.exchange.end();
      assert.equal(record("a").inFlight, 1);
      if (first === "target") {
        assert.equal(door.exchange.write(Buffer.from("still")), true);
        door.exchange.end();
      } else {
        tunnel.listener.onData(Buffer.from("still"));
        tunnel.listener.onEnd();
      }
      assert.equal(tunnel.ended, true);
      // Only when the end has gone out: the agent would count both.
      mock.timers.tick(1_000);
      assert.deepEqual([record("a").inFlight, tunnels.inFlight], [1, 1]);
      tunnel.listener.onOver();
      assert.equal(record("a").inFlight, 0);
      assert.equal(record("a").completed, 1);
      assert.equal(tunnels.inFlight, 0);
      assert.equal(door.heard.at(-1), "end");
    });
  }

  it("an end that cannot leave is given up after the idle time", () => {
    const [a] = connect(1);
    open();
    const tunnel = a!.tunnels[0]!;
    tunnel.connect();
    tunnel.listener.onEnd();
    door.exchange.end();
    for (let passed = 0; passed < 1_100_000; passed += 100_000) mock.timers.tick(100_000);
    assert.equal(tunnel.aborted?.code, "cancelled");
    assert.deepEqual([record("a").inFlight, tunnels.inFlight], [0, 0]);
  });

  it("a link that is lost before the last end has left frees the slot and is logged; the door has its answer", () => {
    const [a] = connect(1);
    open();
    const tunnel = a!.tunnels[0]!;
    tunnel.connect();
    tunnel.listener.onEnd();
    door.exchange.end();
    tunnel.fail("agent_lost");
    assert.equal(record("a").inFlight, 0);
    assert.deepEqual([record("a").completed, record("a").failed], [0, 1]);
    assert.equal(logged[0]!["code"], "agent_lost");
    assert.equal(door.heard.at(-1), "end");
  });

  it("a door that breaks off in answer to the target's end is counted once", () => {
    const [a] = connect(1);
    open({}, Object.assign(door, { onEnd: () => door.exchange.abort("cancelled", "enough") }));
    a!.tunnels[0]!.connect();
    a!.tunnels[0]!.listener.onEnd();
    assert.equal(record("a").inFlight, 0);
    assert.equal(record("a").completed, 1);
    assert.equal(logged.length, 1);
  });

  it("leaves one line in the log", () => {
    const [a] = connect(1);
    open();
    mock.timers.tick(5);
    a!.tunnels[0]!.connect();
    door.exchange.write(Buffer.from("hello"));
    a!.tunnels[0]!.listener.onEnd();
    door.exchange.end();
    a!.tunnels[0]!.listener.onOver();
    assert.equal(logged.length, 1);
    const { time, level, name, ...fields } = logged[0]!;
    assert.deepEqual([typeof time, level, name], ["string", "info", "test"]);
    assert.deepEqual(fields, {
      jobId: "job_1",
      requestId: "req_1",
      door: "connect",
      account: "acme",
      agentId: record("a").id,
      linkId: "link_a",
      host: "example.com",
      port: 443,
      attempts: 1,
      bytesSent: 5,
      bytesReceived: 0,
      ms: 5,
      msg: "Tunnel closed",
    });
  });

  describe("before it is open", () => {
    for (const code of ["dns_failed", "connect_timeout", "overloaded", "agent_lost"] as const) {
      it(`is tried on another agent after ${code}`, () => {
        const [a, b] = connect(2);
        open();
        a!.tunnels[0]!.fail(code);
        assert.equal(record("a").inFlight, 0);
        b!.tunnels[0]!.connect();
        assert.deepEqual(door.heard, ["open"]);
        assert.deepEqual(
          door.opened?.attempts.map(({ error }) => error),
          [code, undefined],
        );
      });
    }

    for (const code of ["connection_refused", "target_forbidden", "port_forbidden"] as const) {
      it(`is not tried on another agent after ${code}`, () => {
        const [a, b] = connect(2);
        open();
        a!.tunnels[0]!.fail(code);
        assert.deepEqual(door.heard, [code]);
        assert.equal(door.attempts.length, 1);
        assert.equal(b!.tunnels.length, 0);
      });
    }

    it("is tried at most maxRetries times, and never on an agent that was tried", () => {
      const [a, b, c] = connect(3);
      open({ maxRetries: 1 });
      a!.tunnels[0]!.fail("dns_failed");
      b!.tunnels[0]!.fail("dns_failed");
      assert.deepEqual(door.heard, ["dns_failed"]);
      assert.equal(c!.tunnels.length, 0);
      assert.equal(door.attempts.length, 2);
    });

    it("faults F21: is not tried after two agents were lost", () => {
      const [a, b, c] = connect(3);
      open();
      a!.tunnels[0]!.fail("agent_lost");
      b!.tunnels[0]!.fail("agent_lost");
      assert.deepEqual(door.heard, ["agent_lost"]);
      assert.equal(c!.tunnels.length, 0);
    });

    it("data or an end from the agent is agent_protocol_error, which may be tried again", () => {
      const [a, b] = connect(2);
      open({ maxRetries: 1 });
      a!.tunnels[0]!.listener.onData(Buffer.from("x"));
      assert.equal(a!.tunnels[0]!.aborted?.code, "agent_protocol_error");
      b!.tunnels[0]!.listener.onEnd();
      assert.deepEqual(door.heard, ["agent_protocol_error"]);
    });

    it("waits for a free agent, by priority", () => {
      const [a] = connect(1, 1);
      open();
      a!.tunnels[0]!.connect();
      const low = new ScriptedDoor();
      const high = new ScriptedDoor();
      open({ id: "job_low", priority: 1 }, low);
      open({ id: "job_high", priority: 8 }, high);
      door.exchange.abort("cancelled", "done");
      assert.equal(a!.tunnels[1]!.open.jobId, "job_high");
      a!.tunnels[1]!.connect();
      assert.deepEqual(high.heard, ["open"]);
      assert.deepEqual(low.heard, []);
    });

    it("faults P20: nobody came free: no_agent_available", () => {
      open();
      mock.timers.tick(1_000);
      assert.deepEqual(door.heard, ["no_agent_available"]);
      const hasty = new ScriptedDoor();
      open({ openTimeoutMs: 500 }, hasty);
      mock.timers.tick(500);
      assert.deepEqual(hasty.heard, ["no_agent_available"]);
      assert.equal(line.length, 0);
    });

    it("is given to agents with the mux profile only", () => {
      const { record: json } = connectAgent(registry, "a");
      Object.assign(json.link!, { startTcp: undefined });
      open();
      mock.timers.tick(1_000);
      assert.deepEqual(door.heard, ["no_agent_available"]);
    });

    it("ends at its deadline with connect_timeout, at the agent too", () => {
      const [a] = connect(1);
      open();
      mock.timers.tick(10_000);
      assert.deepEqual(door.heard, ["connect_timeout"]);
      assert.deepEqual(door.attempts, [
        { agent: record("a").id, error: "connect_timeout", ms: 10_000 },
      ]);
      assert.equal(a!.tunnels[0]!.aborted?.code, "connect_timeout");
      assert.equal(record("a").failed, 1);
      assert.equal(record("a").inFlight, 0);
    });

    it("has no deadline any more once it is open", () => {
      const [a] = connect(1);
      open();
      a!.tunnels[0]!.connect();
      mock.timers.tick(1_000_000);
      assert.deepEqual(door.heard, ["open"]);
    });
  });

  describe("cancel", () => {
    it("while waiting: leaves the line", () => {
      open().cancel("gone");
      assert.equal(line.length, 0);
      const [a] = connect(1);
      assert.equal(a!.tunnels.length, 0);
      assert.deepEqual(door.heard, []);
    });

    for (const state of ["connecting", "open"]) {
      it(`while ${state}: reaches the agent at once and frees its slot`, () => {
        const [a] = connect(1);
        const running = open();
        if (state === "open") a!.tunnels[0]!.connect();
        running.cancel("gone");
        running.cancel("twice");
        assert.deepEqual(a!.tunnels[0]!.aborted, { code: "cancelled", reason: "gone" });
        assert.equal(record("a").inFlight, 0);
        assert.equal(record("a").failed, 0);
        assert.equal(tunnels.inFlight, 0);
        assert.equal(logged.length, 1);
        assert.equal(logged[0]!["code"], "cancelled");
      });
    }

    it("after it: late events and late writes change nothing", () => {
      const [a] = connect(1);
      const running = open();
      const tunnel = a!.tunnels[0]!;
      tunnel.connect();
      const { exchange } = door;
      running.cancel("gone");
      tunnel.listener.onData(Buffer.from("late"));
      tunnel.listener.onEnd();
      tunnel.listener.onDrain();
      tunnel.fail("agent_lost");
      exchange.write(Buffer.from("late"));
      exchange.end();
      exchange.abort("internal", "late");
      assert.deepEqual(door.heard, ["open"]);
      assert.equal(tunnel.written.length, 0);
      assert.equal(record("a").failed, 0);
      assert.equal(logged.length, 1);
    });
  });

  it("faults F22: a tunnel that breaks ends visibly and is not opened again", () => {
    const [a, b] = connect(2);
    open();
    a!.tunnels[0]!.connect();
    a!.tunnels[0]!.fail("agent_lost");
    assert.deepEqual(door.heard, ["open", "agent_lost"]);
    assert.equal(record("a").failed, 1);
    assert.equal(record("a").inFlight, 0);
    assert.equal(b!.tunnels.length, 0);
  });

  it("ends a tunnel through which nothing passes for the idle time, and no other", () => {
    const [a] = connect(1);
    const busy = new ScriptedDoor();
    for (const each of [door, busy]) open({}, each);
    for (const tunnel of a!.tunnels) tunnel.connect();
    for (let passed = 0; passed < 1_100_000; passed += 100_000) {
      busy.exchange.write(Buffer.from("x"));
      mock.timers.tick(100_000);
    }
    assert.deepEqual(door.heard, ["open", "cancelled"]);
    assert.deepEqual(busy.heard, ["open"]);
    assert.deepEqual(tunnels.counts.ended, { cancelled: 1 });
  });

  it("drain refuses new tunnels and resolves when the open ones have ended", async () => {
    const [a] = connect(1);
    open();
    a!.tunnels[0]!.connect();
    const drained = tunnels.drain();
    const late = new ScriptedDoor();
    open({}, late);
    assert.deepEqual(late.heard, ["shutting_down"]);
    door.exchange.abort("cancelled", "done");
    await drained;
  });

  it("close ends all of them and tells their doors", async () => {
    const [a] = connect(1, 1);
    open();
    a!.tunnels[0]!.connect();
    const waiting = new ScriptedDoor();
    open({}, waiting);
    tunnels.close();
    assert.deepEqual(door.heard, ["open", "shutting_down"]);
    assert.deepEqual(waiting.heard, ["shutting_down"]);
    assert.equal(a!.tunnels[0]!.aborted?.code, "shutting_down");
    assert.equal(a!.tunnels.length, 1);
    await tunnels.drain();
  });
});
