/**
 * Memory in which small things are put one behind the other and stay for as long as they are needed. Memory of its own costs a
 * frame of 100 bytes more than all else that is done with it.
 */
export class Arena {
  /** What is filled at the moment, from the front. */
  memory: Uint8Array;
  /** Where the next thing begins. */
  usedBytes = 0;

  constructor(bytes: number) {
    this.memory = new Uint8Array(bytes);
  }

  /** Sees to `bytes` of free memory in one piece; at most what the arena was made with. */
  reserve(bytes: number): void {
    if (this.usedBytes + bytes <= this.memory.length) return;
    this.memory = new Uint8Array(this.memory.length);
    this.usedBytes = 0;
  }
}
