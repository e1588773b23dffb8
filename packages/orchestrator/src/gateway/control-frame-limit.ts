import { IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND } from "@porchlight/protocol/limits";
import { TokenBucket } from "@porchlight/protocol/token-bucket";
import type { Clock } from "@porchlight/runtime/clock";
import type { WebSocket } from "ws";

/** Calls `flooded` when a WebSocket gets masses of pings and pongs of its own, which no link uses (faults G5). */
export function limitControlFrames(webSocket: WebSocket, clock: Clock, flooded: () => void): void {
  let bucket: TokenBucket | undefined;
  const spend = (): void => {
    const { nowMs } = clock;
    bucket ??= new TokenBucket(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND, nowMs);
    if (!bucket.take(nowMs)) flooded();
  };
  webSocket.on("ping", spend);
  webSocket.on("pong", spend);
}
