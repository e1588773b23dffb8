/** Whether node_modules belongs to the present package-lock.json, installed by this script or by hand. */
export function isInstalled(root: string): boolean;

/** Remembers that node_modules belongs to the present package-lock.json. */
export function markInstalled(root: string): void;

/** Installs, with one line before and one after; returns what went wrong, or `undefined`. */
export function install(root: string): Promise<string | undefined>;
