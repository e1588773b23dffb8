import {
  FRAME,
  HEADER_BYTES,
  LAST_DATA,
  decodeJson,
  encodeAbortFrame,
  encodeCreditFrame,
  encodeJsonFrame,
  encodeOpenFrame,
  encodePongFrame,
  readFrames,
  readUint32,
  writeHeader,
} from "@porchlight/protocol/frame";
import type { AgentSocket } from "./agent-socket.ts";
import { until } from "./until.ts";

/** One frame of the mux profile. */
export interface Frame {
  /** As in `FRAME`, or `LAST_DATA`. */
  readonly type: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

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
      readFrames(message, (type, streamId, payload) => this.#take({ type, streamId, payload }));
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
    this.raw(encodeJsonFrame(FRAME[name], streamId, value));
  }

  open(streamId: number, open: unknown, windowBytes = 1024 * 1024): void {
    this.raw(encodeOpenFrame(streamId, windowBytes, open));
  }

  data(streamId: number, bytes: Uint8Array | string, ended = false): void {
    const type = ended ? LAST_DATA : FRAME.data;
    this.raw(rawFrame({ type, streamId, payload: Buffer.from(bytes) }));
  }

  credit(streamId: number, bytes: number): void {
    this.raw(encodeCreditFrame(streamId, bytes));
  }

  abort(streamId: number, wire: number, reason: string): void {
    this.raw(encodeAbortFrame(streamId, wire, reason));
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.type === FRAME.ping && this.answersPings) {
      this.raw(encodePongFrame(frame.payload));
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
  const message = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(message, 0, { type, bytes, streamId });
  message.set(payload, HEADER_BYTES);
  return message;
}

/** The JSON of a control frame; of an OPEN frame that behind the window. */
export function frameJson(frame: Frame): unknown {
  return decodeJson(frame.type === FRAME.open ? frame.payload.subarray(4) : frame.payload);
}

/** The credit of a CREDIT or OPEN frame. Bytes. */
export function frameCredit(frame: Frame): number {
  return readUint32(frame.payload, 0);
}
