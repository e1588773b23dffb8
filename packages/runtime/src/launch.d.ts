/** Platforms this runs on, as in `process.platform` and `process.arch`. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

export function launch(mainUrl: URL): Promise<void>;
export function isNewEnough(version: string): boolean;
export function bundledNodeFile(machine: Machine): string | undefined;
