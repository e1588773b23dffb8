/** Platforms this runs on, as in `process.platform` and `process.arch`. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

/** Runs a program: here, or where this Node is too old for it, with the Node that came along, whose exit code it takes. */
export function launch(mainUrl: URL): Promise<void>;

/** Whether a Node of this version (`v24.12.0`) runs the sources as they are. */
export function isNewEnough(version: string): boolean;

/** Path of the Node that came along for a machine; `undefined` when there is none. */
export function bundledNodeFile(machine: Machine): string | undefined;
