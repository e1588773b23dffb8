/** Frames of the mux profile by hand, written from docs/protocol.md §3 and not by the code under test. */
import { FRAME, LAST_DATA } from "@porchlight/protocol/frame";
import type { AgentSocket } from "./agent-socket.ts";
import { until } from "./until.ts";

/** One frame of the mux profile. */
export interface Frame {
  /** As in `FRAME`, or `LAST_DATA`. */
  readonly type: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** A frame type by its name in docs/protocol.md, in lower case. */
export type FrameName = keyof typeof FRAME;

/** One end of a mux link that obeys nothing but its test: sends any frame or bytes, keeps all frames that come. */
export class FrameSocket implements Disposable {
  readonly socket: AgentSocket;
  readonly frames: Frame[] = [];
  /** Answers PING with PONG. */
  answersPings = true;
  readonly #listeners: ((frame: Frame) => void)[] = [];

  constructor(socket: AgentSocket) {
    this.socket = socket;
    socket.onMessage((message) => {
      for (const frame of framesOf(message)) this.#take(frame);
    });
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#listeners.push(listener);
  }

  /** Frames of this type so far, of one stream if given. */
  received(name: FrameName, streamId?: number): Frame[] {
    return this.frames.filter(
      (frame) =>
        frame.type === FRAME[name] && (streamId === undefined || frame.streamId === streamId),
    );
  }

  /** Waits for the frame number `count` (from 1) of this type. */
  untilFrame(name: FrameName, count = 1, deadlineMs = 5_000): Promise<Frame> {
    return until(`frame ${name} number ${count}`, () => this.received(name)[count - 1], deadlineMs);
  }

  /** Sends bytes as one message. */
  raw(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  json(name: FrameName, streamId: number, value: unknown): void {
    const payload = Buffer.from(JSON.stringify(value));
    this.raw(rawFrame({ type: FRAME[name], streamId, payload }));
  }

  open(streamId: number, open: unknown, windowBytes = 1024 * 1024): void {
    const payload = Buffer.concat([uint32(windowBytes), Buffer.from(JSON.stringify(open))]);
    this.raw(rawFrame({ type: FRAME.open, streamId, payload }));
  }

  data(streamId: number, bytes: Uint8Array | string, ended = false): void {
    const type = ended ? LAST_DATA : FRAME.data;
    this.raw(rawFrame({ type, streamId, payload: Buffer.from(bytes) }));
  }

  credit(streamId: number, bytes: number): void {
    this.raw(rawFrame({ type: FRAME.credit, streamId, payload: uint32(bytes) }));
  }

  abort(streamId: number, wire: number, reason: string): void {
    const payload = Buffer.concat([uint32(wire).subarray(2), Buffer.from(reason)]);
    this.raw(rawFrame({ type: FRAME.abort, streamId, payload }));
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.type === FRAME.ping && this.answersPings) {
      this.raw(rawFrame({ type: FRAME.pong, streamId: 0, payload: frame.payload }));
    }
    for (const listener of this.#listeners) listener(frame);
  }
}

/** Any frame, right or wrong: `bytes` may lie about the payload's length. */
export function rawFrame(frame: {
  readonly type: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
  readonly bytes?: number;
}): Uint8Array {
  const { type, streamId, payload, bytes = payload.length } = frame;
  const length = uint32(bytes);
  length[0] = type;
  return Buffer.concat([length, uint32(streamId), payload]);
}

/** The JSON of a control frame; of an OPEN frame that behind the window. */
export function frameJson(frame: Frame): unknown {
  const payload = Buffer.from(frame.payload);
  return JSON.parse(payload.toString("utf8", frame.type === FRAME.open ? 4 : 0));
}

/** Flag beside an ABORT's number: nothing has left for a target. */
const UNSENT = 0x8000;

/** The error number of an ABORT frame. */
export function abortNumber(frame: Frame): number {
  return Buffer.from(frame.payload).readUInt16BE(0) & ~UNSENT;
}

const HEADER_BYTES = 8;

function framesOf(message: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let offset = 0; offset < message.length;) {
    const start = offset + HEADER_BYTES;
    const end = start + message.readUIntBE(offset + 1, 3);
    const type = message.readUInt8(offset);
    frames.push({
      type,
      streamId: message.readUInt32BE(offset + 4),
      payload: message.subarray(start, end),
    });
    offset = end;
  }
  return frames;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
