import { posix, win32 } from "node:path";

/** What the default depends on. */
export interface Home {
  readonly platform: NodeJS.Platform;
  readonly homeFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where a program of this user keeps its data, by the habits of the platform; absolute. */
export function defaultDataFolder(home: Home): string {
  const { platform, homeFolder, env } = home;
  if (platform === "win32") {
    const local = env["LOCALAPPDATA"] ?? win32.join(homeFolder, "AppData", "Local");
    return win32.join(local, "Porchlight");
  }
  if (platform === "darwin") {
    return posix.join(homeFolder, "Library", "Application Support", "Porchlight");
  }
  const given = env["XDG_DATA_HOME"];
  // A relative path there is to be ignored. Source: XDG Base Directory Specification.
  const data = given?.startsWith("/") ? given : posix.join(homeFolder, ".local", "share");
  return posix.join(data, "porchlight");
}
