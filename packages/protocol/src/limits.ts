/**
 * Every bound of the agent link and of a job in one place. `docs/limits.md` is generated from here:
 * the comment above a constant becomes its description.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Largest payload of one DATA frame: big enough to amortise its header, small enough not to hold up others. Bytes. */
export const MAX_DATA_BYTES = 64 * KIB;

/** Largest payload of any other frame: a response head of 64 KiB as JSON, twice for escapes. Bytes. */
export const MAX_CONTROL_BYTES = 128 * KIB;

/** Largest carrier message: several frames share one. Bytes. */
export const MAX_MESSAGE_BYTES = 256 * KIB;

/** Largest message of a text-only carrier, counted after Base64. Characters. */
export const MAX_TEXT_MESSAGE_CHARS = 32 * KIB;

/** Credit a receiver grants on opening a stream, both ways; 100 ms at 84 Mbit/s before any growth. Bytes. */
export const INITIAL_WINDOW_BYTES = 1 * MIB;

/** Credit granted instead when the link's or the process's budget is half used. Bytes. */
export const PRESSED_WINDOW_BYTES = 64 * KIB;

/** Largest window auto-tuning may reach; 1 s at 134 Mbit/s, 100 ms at 1.3 Gbit/s. Bytes. */
export const MAX_WINDOW_BYTES = 16 * MIB;

/** Received but not yet drained bytes one link may hold. Bytes. */
export const LINK_BUDGET_BYTES = 64 * MIB;

/** Received but not yet drained bytes all links of a process may hold. Bytes. */
export const PROCESS_BUDGET_BYTES = 256 * MIB;

/** Streams open at once on one link, whatever the agent announces. */
export const MAX_STREAMS_PER_LINK = 4096;

/** Largest `maxConcurrency` an agent may announce. */
export const MAX_AGENT_CONCURRENCY = 1024;

/** Time from the carrier's opening to HELLO (and to WELCOME at the agent). Milliseconds. */
export const HELLO_TIMEOUT_MS = 5_000;

/** Frames that carry nothing (pings, credits of nothing, data for ended streams) one link may send at once before it counts as flooding. */
export const IDLE_FRAME_BURST = 10_000;

/** How fast that allowance refills. Frames per second. */
export const IDLE_FRAMES_PER_SECOND = 1_000;

/** Longest agent name, label key or label value. Characters. */
export const MAX_NAME_CHARS = 64;

/** Most labels of one agent. */
export const MAX_LABELS = 32;

/** Most headers of a request or response, and of trailers. */
export const MAX_HEADERS = 256;

/** Largest header block: names and values together. Bytes. */
export const MAX_HEADER_BYTES = 64 * KIB;

/** Longest URL of a job. Characters. */
export const MAX_URL_CHARS = 8 * KIB;

/** Longest reason in an ABORT or DRAIN frame. Characters. */
export const MAX_REASON_CHARS = 256;

/** Largest `timeoutMs` of a job. Milliseconds. */
export const MAX_JOB_TIMEOUT_MS = 600_000;

/** Largest `maxResponseBytes` of a job whose answer is buffered as JSON. Bytes. */
export const MAX_BUFFERED_RESPONSE_BYTES = 64 * MIB;

/** Largest `maxRedirects`. */
export const MAX_REDIRECTS = 20;

/** Largest `maxRetries`. */
export const MAX_RETRIES = 5;

/** Largest `metadata` of a job, as JSON. Characters. */
export const MAX_METADATA_CHARS = 4 * KIB;
