/** What the gateway has counted since the process began; read by the metrics. */
export interface GatewayCounters {
  /** Results of jobs that had ended before: cancelled, timed out or answered already (faults G7, G8). */
  lateResults: number;
  /** Results of jobs nobody runs (faults G6). */
  unknownResults: number;
  /** Results of jobs that run on another agent (faults G6). */
  foreignResults: number;
  /** Links ended because the agent broke the protocol (faults G3, G4). */
  protocolErrors: number;
  /** Links ended because the agent sent masses of useless messages (faults G5). */
  floods: number;
  /** Upgrades answered with an HTTP error. */
  handshakesRefused: number;
}

/** Counters at zero. */
export function createGatewayCounters(): GatewayCounters {
  return {
    lateResults: 0,
    unknownResults: 0,
    foreignResults: 0,
    protocolErrors: 0,
    floods: 0,
    handshakesRefused: 0,
  };
}
