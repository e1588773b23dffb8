/** In which order the last things of a stream or a link leave, also when handlers act inside a call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL_WINDOW_BYTES, MAX_CONTROL_BYTES } from "@porchlight/protocol/limits";
import type { Stream } from "@porchlight/protocol/stream";
import { HEAD, HELLO, Heard, OPEN, startPair } from "@porchlight/testkit/session-pair";
import { simulatedLink } from "@porchlight/testkit/simulated-link";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { createMuxSession } from "./mux-session.ts";
import type { Session } from "./session.ts";

const WELCOME = { version: 1, agentId: "agent_1", linkId: "link_1", heartbeatMs: 1000 };

interface Parts {
  readonly clock: VirtualClock;
  readonly orchestrator: Session;
  readonly agent: Session;
  /** As the agent got them. */
  readonly streams: readonly Stream[];
}

/** Two sessions; `onIdle` and `heard` are the agent's. */
function startWith(agentDoes: { onIdle?: (agent: Session) => void; heard?: Heard }): Parts {
  const clock = new VirtualClock();
  const link = simulatedLink(clock);
  const { heard = new Heard(), onIdle } = agentDoes;
  const orchestrator: Session = createMuxSession({
    role: "orchestrator",
    transport: link.a,
    clock,
    handler: { onHello: () => orchestrator.welcome(WELCOME), onClose: () => undefined },
  });
  const streams: Stream[] = [];
  const agent: Session = createMuxSession({
    role: "agent",
    transport: link.b,
    clock,
    hello: HELLO,
    handler: {
      onOpen: (stream) => {
        streams.push(stream);
        return heard;
      },
      onIdle: () => onIdle?.(agent),
      onClose: () => undefined,
    },
  });
  clock.advance(5);
  return { clock, orchestrator, agent, streams };
}

test("faults F1: a link that is closed when its last stream has ended still carries that end", () => {
  const { clock, orchestrator, streams } = startWith({
    onIdle: (agent) => agent.close(1000, "Done"),
  });
  const heard = new Heard();
  orchestrator.open(OPEN, heard).end();
  clock.advance(5);
  streams[0]?.head(HEAD);
  streams[0]?.write(Buffer.from("the answer"));
  streams[0]?.end();
  clock.advance(5);
  assert.equal(Buffer.concat(heard.chunks).toString(), "the answer");
  assert.equal(heard.ended, true);
  assert.equal(heard.error, undefined);
});

test("onIdle is not told when a new stream has come in the meantime", () => {
  let idle = 0;
  const { clock, orchestrator, streams } = startWith({ onIdle: () => void idle++ });
  const first = orchestrator.open(OPEN, new Heard());
  clock.advance(5);
  // Both frames leave in one message.
  first.abort("cancelled", "");
  orchestrator.open(OPEN, new Heard());
  clock.advance(5);
  assert.equal(streams.length, 2);
  assert.equal(idle, 0);
  streams[1]?.abort("internal", "");
  clock.advance(5);
  assert.equal(idle, 1);
});

test("faults F1: a writer that ends its stream and the link when there is room again overtakes nothing", () => {
  const heard = new Heard();
  const { clock, orchestrator, agent, streams } = startWith({ heard });
  const reader = new Heard();
  orchestrator.open(OPEN, reader).end();
  clock.advance(5);
  const [stream] = streams;
  assert.ok(stream);
  heard.onDrain = () => {
    stream.write(Buffer.from("last"));
    stream.end();
    agent.close(1000, "Done");
  };
  stream.head(HEAD);
  assert.equal(stream.write(new Uint8Array(300_000)), false);
  clock.advance(5);
  // The link ended before all of it could leave: what came is what was written first, and it does not look whole.
  assert.ok(reader.bytes > 0);
  assert.ok(Buffer.concat(reader.chunks).every((byte) => byte === 0));
  assert.equal(reader.ended, false);
  assert.equal(reader.error?.code, "agent_lost");
});

test("trailers that no peer would take end the stream with an error, and nothing else", () => {
  const { clock, orchestrator, accepted, closes, faults } = startPair();
  const heard = new Heard();
  orchestrator.open(OPEN, heard);
  clock.advance(5);
  accepted[0]?.stream.head(HEAD);
  accepted[0]?.stream.end(["x-large", "x".repeat(MAX_CONTROL_BYTES)]);
  clock.advance(5);
  assert.equal(heard.error?.code, "target_protocol_error");
  assert.equal(heard.ended, false);
  assert.equal(accepted[0]?.heard.error?.code, "target_protocol_error");
  assert.deepEqual([closes, faults], [[], []]);
});

test("a stream whose own user aborts it inside onData hears nothing more, not even its end", () => {
  const { clock, orchestrator, accepted } = startPair();
  const heard = new Heard();
  const stream = orchestrator.open(OPEN, heard);
  clock.advance(5);
  heard.onChunk = () => stream.abort("cancelled", "");
  accepted[0]?.stream.head(HEAD);
  accepted[0]?.stream.write(Buffer.from("x"));
  accepted[0]?.stream.end();
  clock.advance(5);
  assert.equal(heard.bytes, 1);
  assert.equal(heard.ended, false);
  assert.equal(accepted[0]?.heard.error?.code, "cancelled");
});

/** Opens a stream; the agent answers with a head and, if it is to, with its end. */
function answered(parts: Parts, heard: Heard, { ends }: { ends: boolean }): Stream {
  const stream = parts.orchestrator.open(OPEN, heard);
  parts.clock.advance(5);
  parts.streams.at(-1)?.head(HEAD);
  if (ends) parts.streams.at(-1)?.end();
  parts.clock.advance(5);
  return stream;
}

test("onOver comes once, when both sides have ended, whichever is the last", () => {
  for (const ends of [true, false]) {
    const parts = startWith({});
    const heard = new Heard();
    const stream = answered(parts, heard, { ends });
    stream.write(Buffer.from("the last"));
    stream.end();
    if (ends) assert.equal(heard.overs, 0, "nothing has left yet");
    parts.clock.advance(5);
    assert.equal(heard.overs, ends ? 1 : 0);
    if (!ends) parts.streams[0]?.end();
    parts.clock.advance(5);
    assert.deepEqual([heard.overs, heard.ended, heard.error], [1, true, undefined]);
  }
});

test("onOver waits for data that has no credit yet", () => {
  const parts = startWith({});
  const heard = new Heard();
  const stream = answered(parts, heard, { ends: true });
  stream.write(new Uint8Array(INITIAL_WINDOW_BYTES + 1));
  stream.end();
  parts.clock.advance(5);
  assert.equal(heard.overs, 0);
  parts.streams[0]?.consume(INITIAL_WINDOW_BYTES);
  parts.clock.advance(5);
  assert.equal(heard.overs, 1);
});

test("onOver does not follow an error or an own abort, also inside onEnd", () => {
  const acts: Record<string, (stream: Stream, session: Session) => void> = {
    "an own abort": (stream) => stream.abort("cancelled", "Enough"),
    "the link's end": (_, session) => session.close(1000, "Done"),
  };
  for (const [what, act] of Object.entries(acts)) {
    for (const inside of [true, false]) {
      const parts = startWith({});
      const heard = new Heard();
      const stream = answered(parts, heard, { ends: false });
      if (inside) heard.onEnd = () => act(stream, parts.orchestrator);
      parts.streams[0]?.end();
      parts.clock.advance(5);
      if (!inside) act(stream, parts.orchestrator);
      parts.clock.advance(5);
      assert.equal(heard.overs, 0, `${what}, ${inside ? "inside" : "later"}`);
    }
  }
});

test("messages of a link with more than two streams may leave together", () => {
  const joined: unknown[] = [];
  const { clock, link, orchestrator } = startPair();
  const send = link.a.send.bind(link.a);
  link.a.send = (message, joins?: boolean) => {
    joined.push(joins);
    send(message);
  };
  for (let count = 0; count < 3; count++) {
    orchestrator.open(OPEN, new Heard());
    clock.advance(5);
  }
  assert.deepEqual(joined, [false, false, true]);
});

test("an agent never carries more streams than are open: those that follow an end come behind it", () => {
  const AT_A_TIME = 5;
  const most = { streams: 0 };
  const streams: Stream[] = [];
  const { clock, orchestrator, agent } = startPair({
    latencyMs: 1,
    onOpen: (stream) => {
      most.streams = Math.max(most.streams, agent.streams);
      streams.push(stream);
      stream.head(HEAD);
      stream.end();
    },
  });
  let opened = 0;
  const open = (): void => {
    const heard = new Heard();
    const stream = orchestrator.open(OPEN, Object.assign(heard, { onOver: open }));
    // Some ends have data before them, which waits its turn behind control frames.
    if (opened++ % 2 === 0) heard.onEnd = () => stream.write(Buffer.from("the last"));
    clock.schedule(3 + (opened % 3), () => stream.end());
  };
  for (let count = 0; count < AT_A_TIME; count++) open();
  clock.advance(200);
  assert.ok(opened > 10 * AT_A_TIME, `${opened} opened`);
  assert.equal(most.streams, AT_A_TIME);
});
