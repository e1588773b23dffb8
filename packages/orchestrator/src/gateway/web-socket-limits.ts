/**
 * What the WebSocket of one JSON agent may cost (faults G4, G5, G16). For the mux profile, `ws` only does the
 * handshake: its transport reads the frames itself and has bounds of its own.
 */
import { IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND } from "@porchlight/protocol/limits";
import { MUX_SUBPROTOCOL } from "@porchlight/protocol/message";
import { TokenBucket } from "@porchlight/protocol/token-bucket";
import { CLOSE_CODES, type CloseCode } from "@porchlight/protocol/transport";
import type { Clock } from "@porchlight/runtime/clock";
import { WebSocket, WebSocketServer } from "ws";

/** TCP segments of one message carry at least so much on the average. Bytes. */
const MIN_SEGMENT_BYTES = 256;

/** Fragments of one message carry at least so much on the average. Bytes. */
const MIN_FRAGMENT_BYTES = 2_048;

/** Pieces any message may come in, however small it may be. */
const MIN_PIECES = 64;

/**
 * A server that takes messages of at most `maxPayload` bytes, in a bounded number of pieces (CVE-2026-48779),
 * and never negotiates permessage-deflate (faults G16, CVE-2026-2229).
 */
export function webSocketServer(maxPayload: number): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: MIN_PIECES + Math.ceil(maxPayload / MIN_FRAGMENT_BYTES),
    maxBufferedChunks: MIN_PIECES + Math.ceil(maxPayload / MIN_SEGMENT_BYTES),
    handleProtocols: () => MUX_SUBPROTOCOL,
    WebSocket: AgentWebSocket,
  });
}

/** Calls `broken` when the peer breaks WebSocket's rules, sends too much at once, or floods with its pings. */
export function watchWebSocket(
  webSocket: WebSocket,
  clock: Clock,
  broken: (closeCode: CloseCode, reason: string) => void,
): void {
  let bucket: TokenBucket | undefined;
  const spend = (): void => {
    const { nowMs } = clock;
    bucket ??= new TokenBucket(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND, nowMs);
    if (!bucket.take(nowMs)) broken(CLOSE_CODES.flooding, "Too many WebSocket pings");
  };
  webSocket.on("ping", spend);
  webSocket.on("pong", spend);
  webSocket.on("error", (error: NodeJS.ErrnoException) => {
    const breach = BREACHES[error.code ?? ""];
    if (breach !== undefined) broken(breach.closeCode, breach.reason);
    else if (error.code?.startsWith("WS_ERR_") === true) {
      broken(CLOSE_CODES.protocolError, "Broken WebSocket frame");
    }
  });
}

/** Source: ws/doc/ws.md, "Error codes". */
const BREACHES: Readonly<Record<string, { closeCode: CloseCode; reason: string }>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { closeCode: CLOSE_CODES.tooBig, reason: "Message too big" },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: {
    closeCode: CLOSE_CODES.flooding,
    reason: "Message in too many pieces",
  },
};

/** `ws` closes by itself, without words, on what the link calls flooding: it says 1008, the link 4429. */
class AgentWebSocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    const isFlooding = code === CLOSE_CODES.policy && reason === undefined;
    super.close(isFlooding ? CLOSE_CODES.flooding : code, reason);
  }
}
